using Vigil.Tests.Servers;

/// <summary>
/// Runs inside the published service when <c>DOTNET_STARTUP_HOOKS</c> names this assembly (the runtime looks for a class of this name
/// outside any namespace). As long as a certain file exists, all threads of the pool and three hundred more are blocked, as by a library
/// that blocks.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(BusyThreads.Variable) is not { } file)
            return;
        new Thread(() => BusyThreads.Watch(file)) { IsBackground = true }.Start();
    }
}

namespace Vigil.Tests.Servers
{
    internal static class BusyThreads
    {
        public const string Variable = "VIGIL_TEST_BUSY";

        private const int Blocked = 300;

        public static Dictionary<string, string> Environment(string file) =>
            new() { ["DOTNET_STARTUP_HOOKS"] = typeof(BusyThreads).Assembly.Location, [Variable] = file };

        public static void Watch(string file)
        {
            using var never = new ManualResetEventSlim();
            while (!File.Exists(file))
                never.Wait(50);
            var over = new ManualResetEventSlim();
            for (var i = 0; i < Blocked; i++)
                ThreadPool.UnsafeQueueUserWorkItem(_ => over.Wait(), null);
            while (File.Exists(file))
                never.Wait(50);
            over.Set();
        }
    }
}
