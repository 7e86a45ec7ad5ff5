using System.Text.Json;

namespace Vigil.Storage.Readings.Influx;

/// <summary>A point the server will never take, as it was sent, with the server's own reason.</summary>
public sealed record RefusedLine(DateTime Time, string Line, string Reason);

/// <summary>Keeps refused lines in a file, a JSON object a line, so that none is lost in silence; two files of 16 MiB at most.</summary>
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
}
