using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using InfluxDB.Client;
using InfluxDB.Client.Api.Domain;
using InfluxDB.Client.Core.Flux.Domain;
using InfluxDB.Client.Writes;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Bench;

/// <summary>
/// Encoding line protocol directly to UTF-8, compared with the usual way (a StringBuilder, Replace for escaping, Encoding.UTF8 at the end)
/// and with the official client's points. Then whole requests, from readings to a gzipped body, by our own HTTP call and by the client's
/// calls for bytes, strings and points. Then a long answer, read from InfluxQL by our reader and from Flux by the client.
/// </summary>
internal static class LineProtocolLoad
{
    private const int Lines = 5000;

    public static async Task<int> RunAsync()
    {
        var batch = new Reading[Lines];
        new CountyReadings().Fill(batch);
        var buffer = new ArrayBufferWriter<byte>(1 << 20);
        void Encode(ReadOnlySpan<Reading> readings)
        {
            buffer.ResetWrittenCount();
            foreach (var reading in readings)
                LineProtocol.Write(buffer, reading);
        }

        Console.WriteLine($"encoding, {Lines} readings");
        var direct = await MeasureAsync(Lines, () => Done(() => Encode(batch)));
        Say("line protocol", direct, direct);
        Say("string building", await MeasureAsync(Lines, () => Done(() => Encoding.UTF8.GetBytes(Build(batch)))), direct);
        Say("official client's points", await MeasureAsync(Lines, () => Done(() => Encoding.UTF8.GetBytes(Points(batch)))), direct);

        using var swallow = new Swallow();
        using var ours = Api("v1", swallow);
        using var client = Api("v2", swallow);
        using var http = new HttpClient(swallow, disposeHandler: false);
        using var influx = new InfluxDBClient(
            new InfluxDBClientOptions("http://127.0.0.1:8086")
            {
                HttpClient = http,
                Org = "org",
                Bucket = "vigil",
            }
        );
        var writes = influx.GetWriteApiAsync();
        foreach (var count in (int[])[Lines, 50])
        {
            var some = batch[..count];
            async Task SendAsync(InfluxApi api)
            {
                Encode(some);
                await api.WriteAsync(buffer.WrittenMemory, TimeSpan.FromSeconds(10), CancellationToken.None);
            }

            Console.WriteLine($"encoding, compressing and a request, {count} readings");
            var own = await MeasureAsync(count, () => SendAsync(ours));
            Say("own HTTP call (v1)", own, own, swallow);
            Say("client, compressed bytes (v2)", await MeasureAsync(count, () => SendAsync(client)), own, swallow);
            Task SendTextAsync()
            {
                Encode(some);
                return writes.WriteRecordAsync(Encoding.UTF8.GetString(buffer.WrittenSpan));
            }

            influx.DisableGzip();
            Say("client, a string, not compressed", await MeasureAsync(count, SendTextAsync), own, swallow);
            influx.EnableGzip();
            Say("client, a string of lines", await MeasureAsync(count, SendTextAsync), own, swallow);
            Say("client, points", await MeasureAsync(count, () => writes.WritePointsAsync(some.Select(r => Point(r)))), own, swallow);
        }

        await ReadAsync();
        return 0;
    }

    /// <summary>A meter's readings of three months in the answer of each query language, read into the same list of readings.</summary>
    private static async Task ReadAsync()
    {
        const int count = 10_000;
        var rows = Enumerable
            .Range(0, count)
            .Select(i => (Time: CountyReadings.Start + CountyReadings.Every * i, Value: i / 1000.0))
            .ToList();
        var json = Encoding.UTF8.GetBytes(
            """{"results":[{"statement_id":0,"series":[{"name":"water.volume","columns":[],"values":["""
                + string.Join(
                    ',',
                    rows.Select(r =>
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"[{Nanoseconds(r.Time)},{r.Value},{Nanoseconds(r.Time)},0,null,null,null,null,\"water-1\",null]"
                        )
                    )
                )
                + "]}]}]}\n"
        );
        var csv = Encoding.UTF8.GetBytes(
            "#datatype,string,long,dateTime:RFC3339,string,string,double,long,long\n#group,false,false,false,true,true,false,false,false\n"
                + "#default,_result,,,,,,,\n,result,table,_time,_measurement,device,value,received,flags\n"
                + string.Concat(
                    rows.Select(r =>
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $",,0,{r.Time:yyyy-MM-ddTHH:mm:ssZ},water.volume,water-1,{r.Value},{Nanoseconds(r.Time)},0\n"
                        )
                    )
                )
        );
        using var swallow = new Swallow { Json = json, Csv = csv };
        var folder = Directory.CreateTempSubdirectory("vigil-bench-").FullName;
        await using var store = new InfluxReadingStore(
            new InfluxOptions { Org = "org" },
            folder,
            new HttpClient(swallow, disposeHandler: false),
            TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );
        using var influx = new InfluxDBClient(
            new InfluxDBClientOptions("http://127.0.0.1:8086") { HttpClient = new HttpClient(swallow, disposeHandler: false), Org = "org" }
        );
        var query = new ReadingQuery([new DeviceId("water-1")], Metric.WaterVolume, CountyReadings.Start, CountyReadings.Start.AddYears(1));
        var flux = influx.GetQueryApi();
        var read = 0;
        var own = await MeasureAsync(count, async () => read = (await store.QueryAsync(query, CancellationToken.None).ToListAsync()).Count);
        Console.WriteLine($"an answer of {read} readings");
        Say("InfluxQL, ours", own, own);
        Say(
            "Flux, client",
            await MeasureAsync(
                count,
                async () =>
                {
                    var found = new List<Reading>();
                    await flux.QueryAsync("from(bucket: \"vigil\")", record => found.Add(Of(record)), e => throw e);
                    read = found.OrderBy(r => r.Time).ToList().Count;
                }
            ),
            own
        );
        if (read != count)
            throw new InvalidOperationException($"{read} of {count} readings came back");
        Directory.Delete(folder, recursive: true);
    }

    private static Reading Of(FluxRecord record) =>
        new()
        {
            Device = new DeviceId((string)record.GetValueByKey("device")),
            Metric = Metric.TryParse(record.GetMeasurement(), out var metric) ? metric : throw new InvalidOperationException(),
            Time = record.GetTimeInDateTime()!.Value,
            Received = LineProtocol.Time((long)record.GetValueByKey("received")),
            Value = (double)record.GetValueByKey("value"),
            Flags = (ReadingFlags)(long)record.GetValueByKey("flags"),
        };

    private static void Say(
        string what,
        (double Nanoseconds, double Bytes) it,
        (double Nanoseconds, double Bytes) to,
        Swallow? body = null
    ) =>
        Console.WriteLine(
            $"  {what, -32} {it.Nanoseconds, 7:0} ns/line  {it.Bytes, 7:0.0} B/line allocated   "
                + $"time {it.Nanoseconds / to.Nanoseconds, 5:0.00}"
                + (body is null ? "" : $"   body {body.Length, 7} B")
        );

    private static Task Done(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private static async Task<(double Nanoseconds, double Bytes)> MeasureAsync(int lines, Func<Task> work)
    {
        var times = Math.Max(1, Lines / lines);
        for (var i = 0; i < 100 * times; i++)
            await work();
        var best = double.MaxValue;
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        const int rounds = 30;
        for (var round = 0; round < rounds; round++)
        {
            var since = Stopwatch.GetTimestamp();
            for (var i = 0; i < 10 * times; i++)
                await work();
            best = Math.Min(best, Stopwatch.GetElapsedTime(since).TotalNanoseconds / (10 * times * lines));
        }

        return (best, (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (double)(rounds * 10 * times * lines));
    }

    private static InfluxApi Api(string api, Swallow swallow) =>
        new(
            new InfluxOptions { Api = api, Org = "org" },
            new HttpClient(swallow, disposeHandler: false),
            TimeProvider.System,
            lines => throw new InvalidOperationException(lines[0].Reason)
        );

    private static string Points(Reading[] batch)
    {
        var text = new StringBuilder();
        foreach (var reading in batch)
            text.Append(Point(reading).ToLineProtocol()).Append('\n');
        return text.ToString();
    }

    private static PointData Point(in Reading reading)
    {
        var point = PointData.Builder.Measurement(reading.Metric.Name).Tag("device", reading.Device.Value);
        if (reading.Channel.Length > 0)
            point.Tag("channel", reading.Channel);
        point
            .Field("received", (reading.Received.Ticks - DateTime.UnixEpoch.Ticks) * 100)
            .Field("flags", (long)reading.Flags)
            .Field("value", reading.Value);
        if (reading.Metric.Kind == MetricKind.Location)
            point.Field("longitude", reading.Longitude).Field("accuracy", reading.Accuracy).Field("speed", reading.Speed);
        return point.Timestamp((reading.Time.Ticks - DateTime.UnixEpoch.Ticks) * 100, WritePrecision.Ns).ToPointData();
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

    /// <summary>A server that accepts everything and gives every query the same answer.</summary>
    private sealed class Swallow : HttpMessageHandler
    {
        public long? Length { get; private set; }

        public byte[] Json { get; init; } = [];

        public byte[] Csv { get; init; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            switch (request.RequestUri!.AbsolutePath)
            {
                case "/query" when request.Method == HttpMethod.Get:
                    return new HttpResponseMessage { Content = new ByteArrayContent(Json) };
                case "/api/v2/query":
                    return new HttpResponseMessage { Content = new ByteArrayContent(Csv) };
                case "/api/v2/buckets":
                    return new HttpResponseMessage(HttpStatusCode.NotFound);
            }

            await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            Length = request.Content.Headers.ContentLength;
            return new HttpResponseMessage(HttpStatusCode.NoContent);
        }
    }
}
