using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Vigil.Model;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Bench;

/// <summary>
/// Line protocol straight to UTF-8 beside the usual way: a StringBuilder, escaping with Replace, and Encoding.UTF8 at the end.
/// </summary>
internal static class LineProtocolLoad
{
    private const int Lines = 5000;

    public static int Run()
    {
        var batch = new Reading[Lines];
        new Village().Fill(batch);
        var buffer = new ArrayBufferWriter<byte>(1 << 20);
        var direct = Measure(() =>
        {
            buffer.ResetWrittenCount();
            foreach (var reading in batch)
                LineProtocol.Write(buffer, reading);
        });
        var built = Measure(() => Encoding.UTF8.GetBytes(Build(batch)));
        Console.WriteLine($"line protocol  {direct.Nanoseconds, 7:0} ns/line  {direct.Bytes, 7:0.0} B/line allocated");
        Console.WriteLine(
            $"string building{built.Nanoseconds, 7:0} ns/line  {built.Bytes, 7:0.0} B/line allocated   ratio "
                + $"{built.Nanoseconds / direct.Nanoseconds:0.0}"
        );
        return 0;
    }

    private static (double Nanoseconds, double Bytes) Measure(Action encode)
    {
        for (var i = 0; i < 200; i++)
            encode();
        var best = double.MaxValue;
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        const int rounds = 60;
        for (var round = 0; round < rounds; round++)
        {
            var since = Stopwatch.GetTimestamp();
            for (var i = 0; i < 20; i++)
                encode();
            best = Math.Min(best, Stopwatch.GetElapsedTime(since).TotalNanoseconds / 20 / Lines);
        }

        return (best, (GC.GetAllocatedBytesForCurrentThread() - allocated) / (double)(rounds * 20 * Lines));
    }

    private static string Build(Reading[] batch)
    {
        var text = new StringBuilder();
        foreach (var reading in batch)
        {
            text.Append(Escape(reading.Metric.Name)).Append(",device=").Append(Escape(reading.Device.Value));
            if (reading.Channel.Length > 0)
                text.Append(",channel=").Append(Escape(reading.Channel));
            var fields = new List<string>
            {
                $"received={Nanoseconds(reading.Received)}i",
                $"flags={(int)reading.Flags}i",
                string.Format(CultureInfo.InvariantCulture, "value={0}", reading.Value),
            };
            if (reading.Metric.Kind == MetricKind.Location)
            {
                fields.Add(string.Format(CultureInfo.InvariantCulture, "longitude={0}", reading.Longitude));
                fields.Add(string.Format(CultureInfo.InvariantCulture, "accuracy={0}", reading.Accuracy));
                fields.Add(string.Format(CultureInfo.InvariantCulture, "speed={0}", reading.Speed));
            }

            text.Append(' ').Append(string.Join(",", fields)).Append(' ').Append(Nanoseconds(reading.Time)).Append('\n');
        }

        return text.ToString();
    }

    private static string Nanoseconds(DateTime time) =>
        ((time.Ticks - DateTime.UnixEpoch.Ticks) * 100).ToString(CultureInfo.InvariantCulture);

    private static string Escape(string text) =>
        text.Replace(",", "\\,", StringComparison.Ordinal)
            .Replace("=", "\\=", StringComparison.Ordinal)
            .Replace(" ", "\\ ", StringComparison.Ordinal);
}
