using System.Text.Json;
using Vigil.Model;
using Vigil.Storage;

namespace Vigil.Host.Backup;

/// <summary>
/// How <c>vigil backup</c> asks the running service, which alone can read its DuckDB file: a file in <c>Data:Path/requests</c>, answered
/// line by line in one beside it. Whoever may write there has all the data anyway; nothing of it is reachable over a network.
/// </summary>
internal static class BackupRequests
{
    private const string Done = "#done",
        Failed = "#failed";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100),
        Answer = TimeSpan.FromSeconds(30);

    private sealed record Request(string Into, string? Keys);

    /// <summary>The command's side: asks, shows what is said, and returns the exit code.</summary>
    public static async Task<int> AskAsync(DataFolder data, string into, string? keys, Action<string> say, CancellationToken cancellation)
    {
        var name = Path.Combine(FolderOf(data), $"backup-{Guid.NewGuid():N}");
        DataFile.Write(name + ".json", JsonSerializer.Serialize(new Request(into, keys)), secret: true);
        try
        {
            var clock = TimeProvider.System;
            var (begun, shown) = (clock.GetTimestamp(), 0);
            while (true)
            {
                var lives = FileLock.IsHeld(data.LockFile);
                var lines = File.Exists(name + ".log") ? await File.ReadAllLinesAsync(name + ".log", cancellation) : [];
                for (; shown < lines.Length; shown++)
                {
                    if (lines[shown] == Done)
                        return 0;
                    if (lines[shown].StartsWith(Failed, StringComparison.Ordinal))
                        throw new UnusableDataException(lines[shown][Failed.Length..].Trim());
                    say(lines[shown]);
                }

                if (!lives)
                    throw new UnusableDataException("the service ended before the backup was finished; ask again");
                if (shown == 0 && clock.GetElapsedTime(begun) > Answer)
                    throw new UnusableDataException("the running service doesn't answer; is it of this version?");
                await Task.Delay(Look, clock, cancellation);
            }
        }
        finally
        {
            File.Delete(name + ".json");
            File.Delete(name + ".log");
        }
    }

    /// <summary>The service's side: what was asked before it started, nobody waits for any more.</summary>
    public static void Forget(DataFolder data)
    {
        if (Directory.Exists(FolderOf(data)))
            foreach (var file in Directory.EnumerateFiles(FolderOf(data), "backup-*"))
                File.Delete(file);
    }

    /// <summary>The service's side: takes each request that waits.</summary>
    /// <param name="data">The folder.</param>
    /// <param name="make">Makes the backup: where, keys where, whom to tell.</param>
    public static async Task AnswerAsync(DataFolder data, Func<string, string?, Action<string>, Task> make)
    {
        if (!Directory.Exists(FolderOf(data)))
            return;
        foreach (var file in Directory.EnumerateFiles(FolderOf(data), "backup-*.json").ToList())
        {
            var log = Path.ChangeExtension(file, ".log");
            void Say(string line) => File.AppendAllText(log, line.ReplaceLineEndings(" ") + "\n");
            try
            {
                var request = JsonSerializer.Deserialize<Request>(await File.ReadAllTextAsync(file)) ?? throw new JsonException("is empty");
                File.Delete(file);
                await make(request.Into, request.Keys, Say);
                Say(Done);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                File.Delete(file);
                Say($"{Failed} {e.Message}");
            }
        }
    }

    private static string FolderOf(DataFolder data) => Path.Combine(data.Path, "requests");
}
