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
    IReadOnlyList<Household> homes, IReadOnlyDictionary<string, DeviceLogin> logins, string host, int port, TimeProvider clock, TimeZoneInfo zone) : IAsyncDisposable
{
    private readonly Dictionary<string, IMqttClient> clients = [];
    private readonly Dictionary<string, ushort> serials = [];
    private readonly HashSet<string> away = [];

    public async Task ConnectAsync(CancellationToken cancellation)
    {
        foreach (var login in logins.Values)
        {
            var client = new MqttClientFactory().CreateMqttClient();
            await client.ConnectAsync(
                new MqttClientOptionsBuilder().WithTcpServer(host, port).WithClientId($"sim-{login.Device}").WithCredentials(login.Device, login.Password)
                    .WithKeepAlivePeriod(TimeSpan.FromSeconds(60)).WithTimeout(TimeSpan.FromSeconds(30)).Build(),
                cancellation);
            clients[login.Device] = client;
        }
    }

    /// <summary>The meters deliver what they recorded before the service came: hourly totals with their own time stamps.</summary>
    /// <returns>How many readings were acknowledged.</returns>
    public async Task<int> DeliverHistoryAsync(DateTimeOffset from, DateTimeOffset to, IReadOnlyList<ScenarioLine> scenario, DateTimeOffset firstMidnight, CancellationToken cancellation)
    {
        var delivered = 0;
        await Parallel.ForEachAsync(homes, new ParallelOptions { MaxDegreeOfParallelism = homes.Count, CancellationToken = cancellation }, async (home, token) =>
        {
            home.StillSince = scenario.FirstOrDefault(l => l.Resident == home.Id && l.What == "still" && firstMidnight + l.At < to) is { } line ? firstMidnight + line.At : null;
            for (var hour = from; hour <= to; hour = hour.AddHours(1))
            {
                var (water, _) = home.LiveHour(hour);
                await PublishAsync(home.WaterMeter, Frames.Multical21(home.WaterMeter, water, hour), token);
                Interlocked.Increment(ref delivered);
            }
        });
        return delivered;
    }

    /// <summary>Lives on: every hour each meter reports, every ten minutes a locator, and the scenario happens when its time comes.</summary>
    public async Task LiveAsync(IReadOnlyList<ScenarioLine> scenario, DateTimeOffset firstMidnight, CancellationToken cancellation)
    {
        var now = Local(clock.GetUtcNow());
        var pending = new Queue<ScenarioLine>(scenario.Where(l => firstMidnight + l.At >= now));
        var next = new DateTimeOffset(now.Year, now.Month, now.Day, now.Hour, now.Minute / 10 * 10, 0, now.Offset).AddMinutes(10);
        while (!cancellation.IsCancellationRequested)
        {
            var due = pending.TryPeek(out var line) && firstMidnight + line.At < next ? firstMidnight + line.At : next;
            var wait = due - clock.GetUtcNow();
            if (wait > TimeSpan.Zero) await Task.Delay(wait, clock, cancellation);
            if (due < next)
            {
                await HappenAsync(pending.Dequeue(), due, cancellation);
                continue;
            }

            await TenMinutesAsync(Local(next), cancellation);
            next = next.AddMinutes(10);
        }
    }

    /// <summary>A press of the emergency button; the device says once more that it is over, as they do.</summary>
    public async Task PressAsync(Household home, CancellationToken cancellation)
    {
        await PublishAsync(home.Button, Frames.ZigbeeButton("emergency", 87), cancellation);
        await PublishAsync(home.Button, Frames.ZigbeeButton("", 87), cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients.Values)
        {
            try
            {
                if (client.IsConnected) await client.DisconnectAsync();
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
        if (homes.FirstOrDefault(h => h.Id == line.Resident) is not { } home) return;
        switch (line.What)
        {
            case "still":
                home.StillSince = at;
                break;
            case "presses-sos":
                await PressAsync(home, cancellation);
                break;
            case "walks-away":
                away.Add(home.Id);
                break;
        }
    }

    private async Task TenMinutesAsync(DateTimeOffset at, CancellationToken cancellation)
    {
        foreach (var home in homes)
        {
            var serial = serials[home.Locator] = (ushort)(serials.GetValueOrDefault(home.Locator) + 1);
            var (latitude, longitude) = home.Home;
            if (away.Contains(home.Id)) (latitude, longitude) = (latitude + 0.0006 * Math.Min(serial, (ushort)40), longitude + 0.02);
            if (at.Minute == home.Number % 6 * 10)
                await PublishAsync(home.Locator, Frames.Jt808Position(home.Locator, latitude, longitude, at, sos: false, serial), cancellation);
            if (at.Minute != 0) continue;
            var (water, energy) = home.LiveHour(at);
            await PublishAsync(home.WaterMeter, Frames.Multical21(home.WaterMeter, water, at), cancellation);
            await PublishAsync(home.ElectricityMeter, Frames.Dlt645Energy(home.ElectricityMeter, energy), cancellation);
            await PublishAsync(home.Sensor, Frames.SenMl(home.Sensor, at, ("air.temperature", "Cel", home.RoomTemperature(at)), ("air.humidity", "%RH", 68)), cancellation);
        }
    }

    private async Task PublishAsync(string device, byte[] payload, CancellationToken cancellation)
    {
        if (!logins.TryGetValue(device, out var login)) return;
        await clients[device].PublishAsync(
            new MqttApplicationMessageBuilder().WithTopic(login.Topic).WithPayload(payload).WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build(), cancellation);
    }

    private DateTimeOffset Local(DateTimeOffset time) => TimeZoneInfo.ConvertTime(time, zone);
}
