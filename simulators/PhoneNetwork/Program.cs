using System.Globalization;
using System.Text.Json;

namespace Vigil.Phones;

/// <summary>
/// <c>dotnet run --project simulators/PhoneNetwork -- --port 5090 --hooks http://127.0.0.1:5080 --sid AC… --token …</c>: the fake phone
/// network alone, for a <c>vigil run</c> with <c>Twilio:BaseUrl=http://127.0.0.1:5090</c>. <c>--people FILE.json</c> says
/// who behaves how: {"+85261234567": {"call": "Answers", "keys": "1"}}.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        string? Option(string name) => Array.IndexOf(args, "--" + name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
        if (args.Contains("--help"))
        {
            Console.WriteLine(
                "--port N (5090)  --hooks URL (http://127.0.0.1:5080)  --sid AC…  --token TOKEN  --number +85230000000  --people "
                    + "FILE.json  --aliyun-key ID  --aliyun-secret SECRET  --aliyun-hook SECRET"
            );
            return 0;
        }

        var account = new TwilioAccount(
            Option("sid") ?? "AC" + new string('0', 32),
            Option("token") ?? "token",
            Option("number") ?? "+85230000000",
            (Option("hooks") ?? "http://127.0.0.1:5080").TrimEnd('/')
        );
        await using var network = await PhoneNetwork.StartAsync(
            account,
            TimeProvider.System,
            int.Parse(Option("port") ?? "5090", CultureInfo.InvariantCulture)
        );
        network.Aliyun.AccessKeyId = Option("aliyun-key") ?? network.Aliyun.AccessKeyId;
        network.Aliyun.AccessKeySecret = Option("aliyun-secret") ?? network.Aliyun.AccessKeySecret;
        network.Aliyun.HookSecret = Option("aliyun-hook") ?? network.Aliyun.HookSecret;
        if (Option("people") is { } file)
            foreach (
                var (number, person) in JsonSerializer.Deserialize<Dictionary<string, Person>>(
                    await File.ReadAllTextAsync(file),
                    Control.Json
                ) ?? []
            )
                network.People[number] = person;
        network.Happened += e =>
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{e.At:HH:mm:ss}  {e.What, -12}  {e.Number}  {e.Text}"));
        Console.WriteLine(
            $"The phone network is at {network.Url}; account {account.Sid}, our number {account.Number}, {network.People.Count} "
                + $"people known. Ctrl+C stops."
        );
        var stop = new TaskCompletionSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true;
            stop.TrySetResult();
        };
        using var term = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGTERM,
            c =>
            {
                c.Cancel = true;
                stop.TrySetResult();
            }
        );
        await stop.Task;
        return 0;
    }
}
