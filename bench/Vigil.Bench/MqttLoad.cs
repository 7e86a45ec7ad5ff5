using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Vigil.Bench;

/// <summary>The result of a round of load.</summary>
/// <param name="Messages">Messages acknowledged within the measured time.</param>
/// <param name="Seconds">The measured time.</param>
/// <param name="Micros">Microseconds from PUBLISH to PUBACK of the presses, sorted.</param>
/// <param name="Processor">Processor seconds of the server in the measured time; 0 where it wasn't watched.</param>
internal sealed record MqttRound(long Messages, double Seconds, IReadOnlyList<double> Micros, double Processor = 0)
{
    /// <summary>
    /// Processor time of the server a message: unlike a rate it hardly depends on what else the machine does, nor on what the generator
    /// takes of it.
    /// </summary>
    public double MicrosAMessage => Processor * 1e6 / Messages;

    public double Rate => Messages / Seconds;

    public double Percentile(double share) =>
        Micros.Count == 0 ? double.NaN : Micros[Math.Min(Micros.Count - 1, (int)(Micros.Count * share))] / 1000;
}

/// <summary>
/// Devices as raw sockets, so that the generator takes little of the two cores it shares with the server. MQTT 3.1.1 at QoS 1; as a device
/// does, each connection sends its next message when the last one is acknowledged. SenML JSON with one or more records per message, whose
/// values and times move on.
/// </summary>
internal static class MqttLoad
{
    public static string Device(int number) => string.Create(CultureInfo.InvariantCulture, $"dev{number:D5}");

    public static string Password(int number) => string.Create(CultureInfo.InvariantCulture, $"pw-{number:D5}-bench");

    /// <param name="port">Port of the broker on loopback.</param>
    /// <param name="connections">Number of devices <c>dev00000</c>….</param>
    /// <param name="records">SenML records per message.</param>
    /// <param name="warm">Seconds of load before measuring begins.</param>
    /// <param name="measured">Seconds that are measured.</param>
    /// <param name="pressEvery">A press of a button each so many milliseconds, on connections of their own (<c>sos00000</c>…); 0 for
    /// none.</param>
    /// <param name="server">Id of the process whose processor time is taken; 0 for none.</param>
    public static async Task<MqttRound> RunAsync(
        int port,
        int connections,
        int records,
        double warm,
        double measured,
        int pressEvery = 0,
        int server = 0
    )
    {
        using var stop = new CancellationTokenSource();
        var acknowledged = new long[connections];
        var links = new List<Link>();
        foreach (var group in Enumerable.Range(0, connections).Chunk(32))
            links.AddRange(await Task.WhenAll(group.Select(i => Link.OpenAsync(port, Device(i), Password(i)))));
        var running = links.Select((link, i) => Task.Run(() => SpeakAsync(link, i, records, acknowledged, stop.Token))).ToList();
        var presses = new List<double>();
        var pressing = pressEvery > 0 ? Task.Run(() => PressAsync(port, pressEvery, presses, stop.Token)) : Task.CompletedTask;
        await Task.Delay(TimeSpan.FromSeconds(warm), TimeProvider.System);
        using var watched = server > 0 ? Process.GetProcessById(server) : null;
        var (before, begun, processor) = (acknowledged.Sum(), Stopwatch.GetTimestamp(), watched?.TotalProcessorTime ?? default);
        var pressesBefore = presses.Count;
        await Task.Delay(TimeSpan.FromSeconds(measured), TimeProvider.System);
        watched?.Refresh();
        var (after, seconds) = (acknowledged.Sum(), Stopwatch.GetElapsedTime(begun).TotalSeconds);
        processor = (watched?.TotalProcessorTime ?? default) - processor;
        await stop.CancelAsync();
        foreach (var link in links)
            link.Dispose();
        await Task.WhenAll([.. running, pressing]);
        return new MqttRound(after - before, seconds, [.. presses.Skip(pressesBefore).Order()], processor.TotalSeconds);
    }

    /// <summary>
    /// A steady load until <paramref name="stop"/>: a fixed number of messages a second over all devices, each device waiting for its
    /// acknowledgement.
    /// </summary>
    /// <param name="port">Port of the broker on loopback.</param>
    /// <param name="connections">Number of devices <c>dev00000</c>….</param>
    /// <param name="records">SenML records per message.</param>
    /// <param name="rate">Messages a second over all devices; fewer are sent when the service takes fewer.</param>
    /// <param name="pressEvery">Milliseconds between presses; each comes from the next home.</param>
    /// <param name="homes">Number of homes with a button.</param>
    /// <param name="told">Called for each acknowledged message (false) and press (true, with its microseconds).</param>
    /// <param name="stop">Ends it.</param>
    public static async Task SteadyAsync(
        int port,
        int connections,
        int records,
        double rate,
        int pressEvery,
        int homes,
        Action<bool, double> told,
        CancellationToken stop
    )
    {
        var links = new List<Link>();
        foreach (var group in Enumerable.Range(0, connections).Chunk(32))
            links.AddRange(await Task.WhenAll(group.Select(i => Link.OpenAsync(port, Device(i), Password(i)))));
        var every = TimeSpan.FromSeconds(connections / rate);
        var speaking = links
            .Select(
                (link, i) =>
                    Task.Run(
                        async () =>
                        {
                            var topic = Encoding.ASCII.GetBytes($"vigil/{Device(i)}/up");
                            var packet = new byte[256 + records * 64];
                            var total = 100.0 + i;
                            // Devices start spread over the period, so that the load is even from the beginning.
                            await Task.Delay(every * ((double)i / connections), TimeProvider.System, stop);
                            using var timer = new PeriodicTimer(every, TimeProvider.System);
                            do
                            {
                                var time = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
                                if (
                                    !await link.PublishAsync(
                                        topic,
                                        Encoding.ASCII.GetBytes(Pack(i, time, total += 0.001 * records, records)),
                                        packet
                                    )
                                )
                                    throw new InvalidOperationException($"{Device(i)} was not acknowledged");
                                told(false, 0);
                            } while (await timer.WaitForNextTickAsync(stop));
                        },
                        CancellationToken.None
                    )
            )
            .ToList();
        var pressing = Task.Run(
            async () =>
            {
                for (var n = 0; ; n++)
                {
                    var name = string.Create(CultureInfo.InvariantCulture, $"sos{n % homes:D5}");
                    using (var link = await Link.OpenAsync(port, name, "pw-" + name))
                    {
                        var begun = Stopwatch.GetTimestamp();
                        if (
                            !await link.PublishAsync(
                                Encoding.ASCII.GetBytes($"vigil/{name}/up"),
                                "[{\"n\":\"button\",\"vs\":\"sos\"}]"u8.ToArray(),
                                new byte[256]
                            )
                        )
                            throw new InvalidOperationException("a press was not acknowledged");
                        told(true, Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
                    }

                    await Task.Delay(TimeSpan.FromMilliseconds(pressEvery), TimeProvider.System, stop);
                }
            },
            CancellationToken.None
        );
        try
        {
            await await Task.WhenAny([.. speaking, pressing]);
        }
        catch (OperationCanceledException)
        {
            // the time is over
        }
        finally
        {
            foreach (var link in links)
                link.Dispose();
        }
    }

    private static async Task SpeakAsync(Link link, int number, int records, long[] acknowledged, CancellationToken stop)
    {
        var topic = Encoding.ASCII.GetBytes($"vigil/{Device(number)}/up");
        var packet = new byte[256 + records * 64];
        var total = 100.0 + number;
        var time = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                total += 0.001 * records;
                var payload = Pack(number, (time += 37) / 1000.0, total, records);
                if (!await link.PublishAsync(topic, Encoding.ASCII.GetBytes(payload), packet))
                    return;
                acknowledged[number]++;
            }
        }
        catch (SocketException)
        {
            // closed at the end of the round
        }
        catch (ObjectDisposedException)
        {
            // closed at the end of the round
        }
    }

    /// <summary>A message of one device with a number of records.</summary>
    public static string Pack(int device, double time, double total, int records)
    {
        var payload = new StringBuilder(records * 56)
            .Append("[{\"bn\":\"")
            .Append(Device(device))
            .Append("/\",\"bt\":")
            .Append(CultureInfo.InvariantCulture, $"{time:0.000}")
            .Append(',');
        for (var r = 0; r < records; r++)
        {
            if (r > 0)
                payload.Append(",{");
            payload.Append(CultureInfo.InvariantCulture, $"\"n\":\"{Name(r)}\",\"v\":{total + r * 0.001:0.000}}}");
        }

        return payload.Append(']').ToString();
    }

    private static string Name(int record) =>
        (record % 10) switch
        {
            0 => "water.volume",
            1 => "electricity.energy",
            2 => "electricity.power",
            3 => "electricity.voltage",
            4 => "electricity.current",
            5 => "air.temperature",
            6 => "air.humidity",
            7 => "battery.level",
            8 => "signal.rssi",
            _ => "water.flow",
        };

    /// <summary>
    /// Presses under full load, each from a home of its own, timed from just before PUBLISH to PUBACK; by then the alarm is committed.
    /// </summary>
    private static async Task PressAsync(int port, int every, List<double> micros, CancellationToken stop)
    {
        try
        {
            for (var n = 0; !stop.IsCancellationRequested; n++)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"sos{n:D5}");
                using var link = await Link.OpenAsync(port, name, "pw-" + name);
                var begun = Stopwatch.GetTimestamp();
                if (
                    !await link.PublishAsync(
                        Encoding.ASCII.GetBytes($"vigil/{name}/up"),
                        "[{\"n\":\"button\",\"vs\":\"sos\"}]"u8.ToArray(),
                        new byte[256]
                    )
                )
                    return;
                micros.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
                await Task.Delay(TimeSpan.FromMilliseconds(every), TimeProvider.System, stop);
            }
        }
        catch (OperationCanceledException)
        {
            // the round is over
        }
    }

    /// <summary>A connection that sends its next message when the last one is acknowledged.</summary>
    internal sealed class Link : IDisposable
    {
        private readonly Socket socket;
        private readonly byte[] answer = new byte[16];
        private ushort id;

        private Link(Socket socket) => this.socket = socket;

        public static async Task<Link> OpenAsync(int port, string name, string password)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, port);
            var link = new Link(socket);
            byte[] variable = [0, 4, .. "MQTT"u8, 4, 0b1100_0010, 0, 120, .. Text(name), .. Text(name), .. Text(password)];
            await link.SendAsync(
                new byte[] { 0x10, (byte)variable.Length }
                    .Concat(variable)
                    .ToArray()
            );
            await link.ReadAsync(4);
            if (link.answer[0] != 0x20 || link.answer[3] != 0)
                throw new InvalidOperationException($"{name}: CONNACK {Convert.ToHexString(link.answer, 0, 4)}");
            return link;
        }

        public async Task<bool> PublishAsync(byte[] topic, byte[] payload, byte[] packet)
        {
            if (++id == 0)
                id = 1;
            var remaining = 2 + topic.Length + 2 + payload.Length;
            var at = 0;
            packet[at++] = 0x32; // PUBLISH, QoS 1
            for (var rest = remaining; ; )
            {
                var digit = rest & 0x7F;
                rest >>= 7;
                packet[at++] = (byte)(rest > 0 ? digit | 0x80 : digit);
                if (rest == 0)
                    break;
            }

            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(at), (ushort)topic.Length);
            topic.CopyTo(packet.AsSpan(at + 2));
            at += 2 + topic.Length;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(at), id);
            at += 2;
            payload.CopyTo(packet.AsSpan(at));
            at += payload.Length;
            await SendAsync(packet.AsMemory(0, at));
            return await ReadAsync(4) && answer[0] == 0x40;
        }

        public void Dispose() => socket.Dispose();

        private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
        {
            while (bytes.Length > 0)
                bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None)..];
        }

        private async ValueTask<bool> ReadAsync(int length)
        {
            for (var have = 0; have < length; )
            {
                var got = await socket.ReceiveAsync(answer.AsMemory(have, length - have), SocketFlags.None);
                if (got == 0)
                    return false;
                have += got;
            }

            return true;
        }

        private static byte[] Text(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            return [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
        }
    }
}
