using System.Text.Json;

namespace Vigil.Storage.Readings.Influx;

/// <summary>A point that the server will never accept, as it was sent, with the server's reason.</summary>
public sealed record RefusedLine(DateTime Time, string Line, string Reason);

/// <summary>Keeps refused lines in a file, one JSON object a line; the current file and the one before it, 16 MiB each.</summary>
internal sealed class RefusedLines(string path)
{
    private const long LargestFile = 16 << 20;

    private readonly Lock gate = new();
    private long count;

    public long Count => Interlocked.Read(ref count);

    public void Keep(IReadOnlyList<RefusedLine> lines)
    {
        lock (gate)
        {
            if (File.Exists(path) && new FileInfo(path).Length > LargestFile)
                File.Move(path, Path.ChangeExtension(path, ".before.jsonl"), overwrite: true);
            using var file = new FileStream(path, FileMode.Append, FileAccess.Write);
            foreach (var line in lines)
            {
                JsonSerializer.Serialize(file, line);
                file.WriteByte((byte)'\n');
            }

            file.Flush(flushToDisk: true);
        }

        Interlocked.Add(ref count, lines.Count);
    }

    /// <summary>Takes out the lines that have one of these tags.</summary>
    public void Forget(IReadOnlyList<string> tags)
    {
        lock (gate)
            foreach (var file in new[] { path, Path.ChangeExtension(path, ".before.jsonl") })
                KeptLines.Forget(
                    file,
                    line =>
                        JsonSerializer.Deserialize<RefusedLine>(line) is { } kept && kept.Line.Split(' ')[0].Split(',').Any(tags.Contains)
                );
    }
}
