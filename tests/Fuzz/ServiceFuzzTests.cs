using System.Diagnostics;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Host;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Tests.Host;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Fuzz;

public sealed class SqliteFuzzTests : ServiceFuzzTests
{
    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(new Dictionary<string, string?>());
}

[Trait("Category", "Server")]
public sealed class PostgresFuzzTests(PostgresServer server) : ServiceFuzzTests, IClassFixture<PostgresServer>
{
    private protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        new() { ["Records:Store"] = "Postgres", ["Records:ConnectionString"] = await server.CreateDatabaseAsync() };
}

/// <summary>
/// Hostile messages for every profile go through the whole pipeline into real databases. Each is stored, kept as unreadable or refused;
/// none fails, none makes another fail, and afterwards a press is still an alarm.
/// </summary>
public abstract class ServiceFuzzTests
{
    private const int Batch = 200;

    private protected abstract Task<Dictionary<string, string?>> SettingsAsync();

    [Fact]
    public async Task No_message_of_any_device_fails_in_a_store_or_takes_another_with_it()
    {
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync());
        await RegisterAsync(service);
        var pipeline = service.Services.GetRequiredService<Pipeline>();
        var begun = Stopwatch.GetTimestamp();
        var number = 0L;
        while (Stopwatch.GetElapsedTime(begun).TotalSeconds < Fuzzing.Seconds)
        {
            var batch = Enumerable
                .Range(0, Batch)
                .Select(i => (Number: number + i, Message: Hostile(Fuzzing.RandomOf(number + i))))
                .ToList();
            number += Batch;
            var receipts = await Task.WhenAll(batch.Select(m => SendAsync(pipeline, m.Message)));
            if (receipts.Contains(Receipt.NotStored))
                await ToldAsync(pipeline, batch);
        }

        Fuzzing.Report(
            "pipeline " + GetType().Name.Replace("FuzzTests", "", StringComparison.Ordinal),
            number,
            Stopwatch.GetElapsedTime(begun)
        );
        await service.Services.GetRequiredService<Sightings>().FlushAsync(CancellationToken.None);
        Assert.Null(pipeline.Trouble);
        Assert.Equal(Receipt.Committed, await service.PressAsync());
        await using var db = await service.Records.CreateDbContextAsync();
        Assert.True(await db.Alarms.AnyAsync(a => a.ResidentId == "R1" && a.Kind == "sos"));
        Assert.True(await db.Rejected.AnyAsync()); // unreadable payloads were kept with the reason
        var store = service.Services.GetRequiredService<IReadingStore>();
        var from = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-30);
        await foreach (var reading in store.ReceivedSinceAsync(from, CancellationToken.None))
            Assert.True(
                double.IsFinite(reading.Value) && double.IsFinite(reading.Longitude) && reading.Time.Year is >= 1990 and < 2100,
                $"{reading}"
            );
    }

    /// <summary>Sends each message again alone, to name the one that could not be stored.</summary>
    private static async Task ToldAsync(Pipeline pipeline, List<(long Number, InboundMessage Message)> batch)
    {
        foreach (var (number, message) in batch)
            if (await SendAsync(pipeline, message) == Receipt.NotStored)
                Assert.Fail(
                    Fuzzing.Told(
                        "pipeline",
                        number,
                        new Sample(message.Topic, message.Payload.ToArray()),
                        $"was not stored: {pipeline.Trouble}"
                    )
                );
        Assert.Fail(
            $"pipeline: seed {Fuzzing.Seed}, inputs {batch[0].Number}–{batch[^1].Number}: together they were not stored, each alone "
                + $"it is: {pipeline.Trouble}"
        );
    }

    private static async Task<Receipt> SendAsync(Pipeline pipeline, InboundMessage message) =>
        await pipeline
            .ReceiveAsync(message with { Received = TimeProvider.System.GetUtcNow().UtcDateTime }, CancellationToken.None)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60));

    private static InboundMessage Hostile(Random random)
    {
        var (_, topic, payload) = Family.Next(random);
        // Also topics of unknown devices, and announcements.
        var levels = topic.Split('/');
        if (random.Next(10) == 0)
            levels[random.Next(levels.Length)] = $"x{random.Next(5)}\u4e00";
        topic = string.Join('/', levels);
        if (random.Next(20) == 0)
            topic = $"homeassistant/sensor/x{random.Next(9)}/config";
        return new InboundMessage(topic, payload, default, random.Next(10) == 0, Sender.ExternalBroker);
    }

    /// <summary>Registers every device that an example of a profile names, all in one home.</summary>
    private static async Task RegisterAsync(ServiceUnderTest service)
    {
        await using (var db = await service.Records.CreateDbContextAsync())
        {
            var home = new Resident
            {
                Id = "R2",
                Name = "李桂兰",
                Area = "440114003201",
                CreatedAt = DateTime.UnixEpoch,
                UpdatedAt = TimeProvider.System.GetUtcNow().UtcDateTime,
            };
            home.Contacts.Add(
                new Contact
                {
                    Id = Guid.NewGuid(),
                    ResidentId = "R2",
                    Order = 1,
                    Name = "李小明",
                    Phone = "+8613800138002",
                }
            );
            foreach (var family in Family.All)
            foreach (
                var id in family
                    .Topics.Select(family.Profile.DeviceFromTopic)
                    .Concat(family.Profile.Examples.Select(e => e.Device))
                    .OfType<string>()
                    .Distinct()
            )
                if (DeviceId.TryParse(id, out _) && home.Devices.TrueForAll(d => d.Id != id))
                    home.Devices.Add(
                        new Device
                        {
                            Id = id,
                            Profile = family.Profile.Id,
                            ResidentId = "R2",
                            InstalledAt = DateTime.UnixEpoch,
                        }
                    );
            db.Residents.Add(home);
            await db.SaveChangesAsync();
        }

        await service.Services.GetRequiredService<LiveRegistry>().ReloadAsync(CancellationToken.None);
    }
}
