using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Notify.Channels.Webhook;
using Vigil.Notify.Webhooks;
using Vigil.Storage.Records;
using Vigil.Tests.Notify.Channels;

namespace Vigil.Tests.Notify.Webhooks;

/// <summary>Another system is told of alarms: once each, signed, even after an hour in which it failed.</summary>
public sealed class WebhookSenderTests : IAsyncLifetime
{
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 1, 15, 4, 0, 0, TimeSpan.Zero));
    private readonly List<(IHeaderDictionary Headers, string Body)> heard = [];
    private readonly WebApplication receiver;
    private Night night = null!;
    private WebhookSender sender = null!;
    private int status = 200;

    public WebhookSenderTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        receiver = builder.Build();
        receiver.Run(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            heard.Add((new HeaderDictionary(http.Request.Headers.ToDictionary()), await reader.ReadToEndAsync(http.RequestAborted)));
            http.Response.StatusCode = status;
            if (status == 302)
                http.Response.Headers.Location = "/elsewhere";
        });
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await receiver.StartAsync(Stop);
        night = await Night.BeginAsync();
        sender = new WebhookSender(
            night.Records,
            night.Desk,
            new OutwardConnections(allowLoopback: true, []),
            clock,
            NullLogger<WebhookSender>.Instance
        );
    }

    public async ValueTask DisposeAsync()
    {
        sender.Dispose();
        await night.DisposeAsync();
        await receiver.DisposeAsync();
    }

    [Fact]
    public async Task An_alarm_is_told_signed_and_in_order_without_a_name_and_what_was_before_is_not()
    {
        await RaiseAsync("before");
        var secret = await AddAsync("opened,acknowledged");
        var alarm = await RaiseAsync("after");
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "I look", Stop);
        await night.Desk.NoteAsync(alarm, "duty:d1", "not asked for", Stop);
        await sender.CycleAsync(Stop);
        await sender.CycleAsync(Stop);
        Assert.Equal(["alarm.opened", "alarm.acknowledged"], heard.Select(h => Type(h.Body)));
        var (headers, body) = heard[0];
        var received = headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        Assert.True(WebhookReceiver.Believes(secret, received, body, TimeProvider.System.GetUtcNow()));
        var data = JsonDocument.Parse(body).RootElement.GetProperty("data");
        Assert.Equal(
            (alarm, "sos", "critical"),
            (data.GetProperty("alarm").GetGuid(), data.GetProperty("kind").GetString(), data.GetProperty("severity").GetString())
        );
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        foreach (var name in await db.Residents.Select(r => r.Name).ToListAsync(Stop))
            Assert.DoesNotContain(name, heard[0].Body + heard[1].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_receiver_in_trouble_is_asked_again_with_the_same_id_and_given_up_after_a_day()
    {
        await AddAsync("opened");
        await RaiseAsync("x");
        status = 503;
        for (var hour = 0; hour < 30; hour++)
        {
            await sender.CycleAsync(Stop);
            await sender.CycleAsync(Stop); // not due yet, so it isn't sent again
            clock.Advance(TimeSpan.FromHours(1));
        }

        await using var db = await night.Records.CreateDbContextAsync(Stop);
        var row = await db.WebhookDeliveries.SingleAsync(Stop);
        Assert.NotNull(row.GivenUpAt);
        Assert.Equal(("answered 503", heard.Count), (row.Note.En, row.Attempts));
        Assert.Equal(25, heard.Count);
        Assert.Single(heard.Select(h => h.Headers["webhook-id"].ToString()).Distinct());
    }

    [Fact]
    public async Task An_hour_of_trouble_loses_nothing_and_a_redirect_is_not_followed()
    {
        await AddAsync("opened");
        await RaiseAsync("x");
        status = 302;
        await sender.CycleAsync(Stop);
        status = 200;
        clock.Advance(WebhookSender.Waits[0] + TimeSpan.FromSeconds(1));
        await sender.CycleAsync(Stop);
        Assert.Equal(2, heard.Count);
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.NotNull((await db.WebhookDeliveries.SingleAsync(Stop)).DeliveredAt);
    }

    [Fact]
    public async Task A_webhook_of_a_county_hears_of_its_own_alarms_alone()
    {
        await AddAsync("opened", "4419");
        await RaiseAsync("x");
        await sender.CycleAsync(Stop);
        Assert.Empty(heard);
    }

    [Fact]
    public async Task A_receiver_that_is_down_with_hundreds_of_messages_crowds_out_nobody_and_a_secret_that_cannot_be_read_loses_nothing()
    {
        await AddAsync("opened");
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            var (down, _) = await WebhookEvents.AddAsync(
                night.Records,
                night.Clock,
                "down",
                "http://127.0.0.1:9/hook",
                "",
                ["note"],
                "test",
                Stop
            );
            var alarm = await RaiseAsync("before");
            for (var i = 0; i < 300; i++)
                db.WebhookDeliveries.Add(
                    new WebhookDelivery
                    {
                        Id = Guid.NewGuid(),
                        WebhookId = down.Id,
                        AlarmId = alarm,
                        Event = "note",
                        Body = "{}",
                        CreatedAt = clock.GetUtcNow().UtcDateTime.AddHours(-1),
                        DueAt = clock.GetUtcNow().UtcDateTime,
                    }
                );
            await db.SaveChangesAsync(Stop);
            await db.Database.ExecuteSqlRawAsync("UPDATE Webhooks SET Secret = 'enc1.deadbeef.AAAA' WHERE Name = 'down'", Stop);
        }

        await sender.CycleAsync(Stop);
        Assert.Single(heard);
        await using var after = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(300, await after.WebhookDeliveries.CountAsync(d => d.DeliveredAt == null && d.GivenUpAt == null, Stop));
    }

    private static string? Type(string body) => JsonDocument.Parse(body).RootElement.GetProperty("type").GetString();

    private async Task<string> AddAsync(string events, string area = "") =>
        (
            await WebhookEvents.AddAsync(
                night.Records,
                night.Clock,
                "county",
                receiver.Urls.First() + "/hook",
                area,
                events.Split(','),
                "test",
                Stop
            )
        ).Secret;

    private async Task<Guid> RaiseAsync(string episode)
    {
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        var resident = await db.Residents.Select(r => r.Id).FirstAsync(Stop);
        var kind = episode == "before" ? AlarmKind.Fall : AlarmKind.Sos;
        return (
            await night.Desk.CommitAsync(
                [
                    new Finding(
                        resident,
                        kind,
                        kind.DefaultSeverity,
                        FindingChange.Opened,
                        episode,
                        0,
                        night.Clock.GetUtcNow().UtcDateTime,
                        "pressed",
                        "按下"
                    ),
                ],
                Stop
            )
        )
            .Single()
            .AlarmId;
    }
}
