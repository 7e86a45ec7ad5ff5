using System.Text.Json;
using Vigil.Model;
using Vigil.Storage;

namespace Vigil.Host.Backup;

/// <summary>
/// How <c>vigil backup</c> asks the running service for a backup, because no other process can open its DuckDB file: by a file in
/// <c>Data:Path/requests</c>, which is answered line by line in a file beside it. Whoever can write there can read all the data anyway; it
/// can't be done over the network.
/// </summary>
internal static class BackupRequests
{
    private const string Done = "#done",
        Failed = "#failed";
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(100),
        AnswerWithin = TimeSpan.FromSeconds(30);

    private sealed record Request(string Into, string? Keys);

    /// <summary>The command's side: asks, prints the answers, and returns the exit code.</summary>
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
                if (shown == 0 && clock.GetElapsedTime(begun) > AnswerWithin)
                    throw new UnusableDataException("the running service doesn't answer; is it of this version?");
                await Task.Delay(PollEvery, clock, cancellation);
            }
        }
        finally
        {
            File.Delete(name + ".json");
            File.Delete(name + ".log");
        }
    }

    /// <summary>The service's side, at its start: deletes old requests, for which nobody waits any more.</summary>
    public static void Forget(DataFolder data)
    {
        if (Directory.Exists(FolderOf(data)))
            foreach (var file in Directory.EnumerateFiles(FolderOf(data), "backup-*"))
                File.Delete(file);
    }

    /// <summary>The service's side: carries out the requests that wait.</summary>
    /// <param name="data">The data folder.</param>
    /// <param name="make">Makes a backup: its folder, the folder of the keys, whom to tell of the progress.</param>
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
