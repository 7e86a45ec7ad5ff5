using System.Collections.Concurrent;
using MQTTnet;
using MQTTnet.Protocol;

namespace Vigil.Village;

/// <summary>How a device logs in, and where it publishes.</summary>
/// <param name="Device">The device's id and user name.</param>
/// <param name="Topic">Its topic.</param>
/// <param name="Password">Its own.</param>
public sealed record DeviceLogin(string Device, string Topic, string Password);

/// <summary>
/// A village whose devices connect over real MQTT/TCP, each with its own credential, and speak real wire formats: wmbusmeters JSON (water),
/// DL/T 645-2007 frames (electricity), zigbee2mqtt JSON (SOS buttons), JT/T 808 frames (BeiDou locators) and SenML (rooms).
/// </summary>
public sealed class SimulatedVillage(
    IReadOnlyList<Household> homes,
    IReadOnlyDictionary<string, DeviceLogin> logins,
    string host,
    int port,
    TimeProvider clock,
    TimeZoneInfo zone
) : IAsyncDisposable
{
    private readonly Dictionary<string, IMqttClient> clients = [];
    private readonly ConcurrentDictionary<string, ushort> serials = [];
    private readonly ConcurrentDictionary<string, bool> away = [];

    public async Task ConnectAsync(CancellationToken cancellation)
    {
        foreach (var login in logins.Values)
        {
            var client = new MqttClientFactory().CreateMqttClient();
            await client.ConnectAsync(
                new MqttClientOptionsBuilder()
                    .WithTcpServer(host, port)
                    .WithClientId($"sim-{login.Device}")
                    .WithCredentials(login.Device, login.Password)
                    .WithKeepAlivePeriod(TimeSpan.FromSeconds(60))
                    .WithTimeout(TimeSpan.FromSeconds(30))
                    .Build(),
                cancellation
            );
            clients[login.Device] = client;
        }
    }

    /// <summary>The meters deliver what they recorded before the service came: hourly totals with their own time stamps.</summary>
    /// <returns>How many readings were acknowledged.</returns>
    public async Task<int> DeliverHistoryAsync(
        DateTimeOffset from,
        DateTimeOffset to,
        IReadOnlyList<ScenarioLine> scenario,
        DateTimeOffset firstMidnight,
        CancellationToken cancellation
    )
    {
        var delivered = 0;
        await Parallel.ForEachAsync(
            homes,
            new ParallelOptions { MaxDegreeOfParallelism = homes.Count, CancellationToken = cancellation },
            async (home, token) =>
            {
                home.StillSince = scenario.FirstOrDefault(l => l.Resident == home.Id && l.What == "still" && firstMidnight + l.At < to)
                    is { } line
                    ? firstMidnight + line.At
                    : null;
                for (var hour = from; hour <= to; hour = hour.AddHours(1))
                {
                    var (water, _) = home.LiveHour(hour);
                    await PublishAsync(home.WaterMeter, DevicePayloads.Multical21(home.WaterMeter, water, hour), token);
                    Interlocked.Increment(ref delivered);
                }
            }
        );
        return delivered;
    }

    /// <summary>
    /// Lives on: every hour each meter reports, every ten minutes a locator, and the scenario happens when its time comes. A press waits
    /// for no report: where the machine is slow and the clock fast, reports fall behind.
    /// </summary>
    public async Task LiveAsync(IReadOnlyList<ScenarioLine> scenario, DateTimeOffset firstMidnight, CancellationToken cancellation)
    {
        var now = Local(clock.GetUtcNow());
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var happens = HappenAsync(scenario.Where(l => firstMidnight + l.At >= now), firstMidnight, either.Token);
        var reports = ReportAsync(now, either.Token);
        try
        {
            await await Task.WhenAny(happens, reports);
            await reports; // the scenario ends, the village lives on
        }
        finally
        {
            await either.CancelAsync();
        }
    }

    private async Task HappenAsync(IEnumerable<ScenarioLine> scenario, DateTimeOffset firstMidnight, CancellationToken cancellation)
    {
        foreach (var line in scenario)
        {
            await UntilAsync(firstMidnight + line.At, cancellation);
            await HappenAsync(line, firstMidnight + line.At, cancellation);
        }
    }

    private async Task ReportAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        for (
            var next = new DateTimeOffset(now.Year, now.Month, now.Day, now.Hour, now.Minute / 10 * 10, 0, now.Offset).AddMinutes(10);
            ;
            next = next.AddMinutes(10)
        )
        {
            await UntilAsync(next, cancellation);
            await TenMinutesAsync(Local(next), cancellation);
        }
    }

    private async Task UntilAsync(DateTimeOffset due, CancellationToken cancellation)
    {
        var wait = due - clock.GetUtcNow();
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, clock, cancellation);
    }

    /// <summary>A press of the emergency button; the device says once more that it is over, as they do.</summary>
    public async Task PressAsync(Household home, CancellationToken cancellation)
    {
        await PublishAsync(home.Button, DevicePayloads.ZigbeeButton("emergency", 87), cancellation);
        await PublishAsync(home.Button, DevicePayloads.ZigbeeButton("", 87), cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients.Values)
        {
            try
            {
                if (client.IsConnected)
                    await client.DisconnectAsync();
            }
            catch (MQTTnet.Exceptions.MqttCommunicationException)
            {
                // the broker went first
            }

            client.Dispose();
        }
    }

    private async Task HappenAsync(ScenarioLine line, DateTimeOffset at, CancellationToken cancellation)
    {
        if (homes.FirstOrDefault(h => h.Id == line.Resident) is not { } home)
            return;
        switch (line.What)
        {
            case "still":
                home.StillSince = at;
                break;
            case "presses-sos":
                await PressAsync(home, cancellation);
                break;
            case "walks-away":
                away[home.Id] = true;
                break;
        }
    }

    private Task TenMinutesAsync(DateTimeOffset at, CancellationToken cancellation) =>
        Parallel.ForEachAsync(
            homes,
            new ParallelOptions { MaxDegreeOfParallelism = homes.Count, CancellationToken = cancellation },
            async (home, token) =>
            {
                var serial = serials.AddOrUpdate(home.Locator, 1, (_, n) => (ushort)(n + 1));
                var (latitude, longitude) = home.Home;
                if (away.ContainsKey(home.Id))
                    (latitude, longitude) = (latitude + 0.0006 * Math.Min(serial, (ushort)40), longitude + 0.02);
                if (at.Minute == home.Number % 6 * 10)
                    await PublishAsync(
                        home.Locator,
                        DevicePayloads.Jt808Position(home.Locator, latitude, longitude, at, sos: false, serial),
                        token
                    );
                if (at.Minute != 0)
                    return;
                var (water, energy) = home.LiveHour(at);
                await PublishAsync(home.WaterMeter, DevicePayloads.Multical21(home.WaterMeter, water, at), token);
                await PublishAsync(home.ElectricityMeter, DevicePayloads.Dlt645Energy(home.ElectricityMeter, energy), token);
                await PublishAsync(
                    home.Sensor,
                    DevicePayloads.SenMl(
                        home.Sensor,
                        at,
                        ("air.temperature", "Cel", home.RoomTemperature(at)),
                        ("air.humidity", "%RH", 68)
                    ),
                    token
                );
            }
        );

    private async Task PublishAsync(string device, byte[] payload, CancellationToken cancellation)
    {
        if (!logins.TryGetValue(device, out var login))
            return;
        await clients[device]
            .PublishAsync(
                new MqttApplicationMessageBuilder()
                    .WithTopic(login.Topic)
                    .WithPayload(payload)
                    .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                    .Build(),
                cancellation
            );
    }

    private DateTimeOffset Local(DateTimeOffset time) => TimeZoneInfo.ConvertTime(time, zone);
}
