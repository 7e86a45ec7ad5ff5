using System.Diagnostics;
using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Vigil.Host;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Notify.Channels.Outbox;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Host;

/// <summary>
/// How the service checks itself: a test press from the broker to a channel, heartbeats to a watcher outside, and loops or threads that
/// stop are noticed.
/// </summary>
[Trait("Category", "Server")]
public sealed class CanaryTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_press_of_its_own_goes_over_the_broker_to_a_channel_is_on_the_health_page_and_leaves_nothing()
    {
        await using var service = await ServiceUnderTest.StartAsync(new() { ["Health:CanaryMinutes"] = "1440" });
        var shown = new List<string>();
        service.Services.GetRequiredService<OutboxChannel>().Shown += n => shown.Add(n.Text);
        await service.UntilAsync(
            "/healthz/ready",
            (status, text) =>
                status == 200
                && text.Contains("canary: ", StringComparison.Ordinal)
                && text.Contains("s ago, took ", StringComparison.Ordinal),
            seconds: 60
        );
        var canary = service.Services.GetRequiredService<Canary>();
        await canary.RoundAsync(Stop); // a second round works: the first has left nothing behind that could disturb it
        Assert.Null(canary.Missed);
        Assert.Contains(shown, text => text.Contains("自检", StringComparison.Ordinal));
        Assert.InRange(canary.Took.TotalSeconds, 0.001, 30);
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        Assert.Empty(await db.Alarms.Where(a => a.Subject == SelfTest.Name).ToListAsync(Stop));
        Assert.Empty(await db.Notices.Where(n => n.Recipient == SelfTest.Name).ToListAsync(Stop));
        Assert.Empty(await db.Steps.Where(s => s.To.StartsWith(SelfTest.Name)).ToListAsync(Stop));
        Assert.Empty(await db.Findings.Where(f => f.Key.StartsWith(SelfTest.Name)).ToListAsync(Stop));
        Assert.Empty(await db.Timeline.Where(t => !db.Alarms.Any(a => a.Id == t.AlarmId)).ToListAsync(Stop));
        var stored = service.Services.GetRequiredService<Vigil.Storage.Readings.IReadingStore>();
        await foreach (var reading in stored.ReceivedSinceAsync(DateTime.UnixEpoch, Stop))
            Assert.NotEqual(SelfTest.Name, reading.Device.Value);
        var metrics = await service.UntilAsync("/metrics", (status, _) => status is 200 or 401);
        Assert.True(metrics.Length == 0 || metrics.Contains("vigil_canary_age_seconds", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nobody_who_looks_sees_the_self_test_while_it_is_under_way_and_nobody_can_log_in_as_it()
    {
        await using var service = await ServiceUnderTest.StartAsync([]);
        var desk = service.Services.GetRequiredService<Vigil.Notify.AlarmDesk>();
        await desk.CommitAsync(
            [
                new Finding(
                    SelfTest.Name,
                    AlarmKind.Sos,
                    Severity.Critical,
                    FindingChange.Opened,
                    "sos/1",
                    0,
                    TimeProvider.System.GetUtcNow().UtcDateTime,
                    "a self-test",
                    "自检"
                ),
            ],
            Stop
        );
        await service.UntilDbAsync(db => db.Notices.AnyAsync(n => n.Recipient == SelfTest.Name && n.State == NoticeState.Sent));
        var factory = service.Services.GetRequiredService<RecordsFactory>();
        foreach (var area in new[] { "", "440114", RecordsDb.Nowhere })
        {
            await using var seen = factory.CreateDbContext(area);
            Assert.Empty(await seen.Alarms.ToListAsync(Stop));
            Assert.Empty(await seen.Notices.ToListAsync(Stop));
        }

        // with the self-test off, no credential is accepted for it
        Assert.False(service.Services.GetRequiredService<Canary>().Knows(new byte[64]));
    }

    [Fact]
    public async Task A_press_that_does_not_come_round_is_said_with_the_place_where_it_was_lost()
    {
        await using var service = await ServiceUnderTest.StartAsync(new() { ["Health:CanaryMinutes"] = "1440" });
        var canary = service.Services.GetRequiredService<Canary>();
        await service.UntilAsync("/healthz/ready", (_, text) => text.Contains("s ago, took ", StringComparison.Ordinal), seconds: 60);
        await service.Services.GetRequiredService<EmbeddedBroker>().StopAsync(Stop);
        await canary.RoundAsync(Stop);
        Assert.Contains("a message to the broker", canary.Missed, StringComparison.Ordinal);
        var trouble = Assert.Single(service.Services.GetRequiredService<Troubles>().Now, t => t.Case == "canary");
        Assert.Contains("向消息服务器发送", trouble.WhatZh, StringComparison.Ordinal);
        await service.UntilDbAsync(db => db.Alarms.AnyAsync(a => a.Kind == "service-trouble" && a.Reason.Contains("did not come round")));
    }

    [Fact]
    public async Task The_watcher_outside_hears_a_heartbeat_while_all_is_well_and_silence_when_it_is_not()
    {
        using var listener = new HttpListener();
        var prefix = $"http://127.0.0.1:{Server.FreePort()}/";
        listener.Prefixes.Add(prefix);
        listener.Start();
        var beats = 0;
        var status = 200;
        var answering = Task.Run(
            async () =>
            {
                while (listener.IsListening)
                {
                    var beat = await listener.GetContextAsync();
                    Interlocked.Increment(ref beats);
                    beat.Response.StatusCode = Volatile.Read(ref status);
                    beat.Response.Close();
                }
            },
            Stop
        );
        await using var service = await ServiceUnderTest.StartAsync(
            new()
            {
                ["Health:HeartbeatUrl"] = prefix + "ping/1",
                ["Health:HeartbeatSeconds"] = "1",
                ["Health:LoopSeconds"] = "20",
            }
        );
        await UntilAsync(() => Volatile.Read(ref beats) >= 2);

        // When the watcher answers with an error, that is said, and heartbeats go on.
        Volatile.Write(ref status, 500);
        await UntilAsync(() =>
            service
                .Services.GetRequiredService<Troubles>()
                .Now.Any(t => t.Case == "heartbeat" && t.What.Contains("it answers 500", StringComparison.Ordinal))
        );
        Volatile.Write(ref status, 200);
        await UntilAsync(() => service.Services.GetRequiredService<Troubles>().Now.All(t => t.Case != "heartbeat"));

        // When escalation stands still, the watcher hears nothing more, although the process lives and answers.
        await service.Services.GetRequiredService<Escalator>().StopAsync(Stop);
        await service.UntilAsync(
            "/healthz/ready",
            (code, text) => code == 503 && text.Contains("escalation has not turned", StringComparison.Ordinal),
            seconds: 60
        );
        var (quiet, since) = (Volatile.Read(ref beats), Stopwatch.GetTimestamp());
        await UntilAsync(() => Stopwatch.GetElapsedTime(since) > TimeSpan.FromSeconds(4));
        Assert.InRange(Volatile.Read(ref beats) - quiet, 0, 1); // one heartbeat may have been on its way
        listener.Stop();
        await Assert.ThrowsAnyAsync<Exception>(() => answering);
    }

    [Fact]
    public async Task Every_loop_that_ends_is_noticed_whatever_it_was()
    {
        await using var service = await ServiceUnderTest.StartAsync([]);
        var beats = service.Services.GetRequiredService<Heartbeats>();
        Assert.Empty(beats.Ended());
        var loops = service
            .Services.GetServices<IHostedService>()
            .OfType<BackgroundService>()
            .Where(l => Heartbeats.Endless.Contains(l.GetType()))
            .ToList();
        // every loop but the link to an external broker, which this service doesn't have
        Assert.Equal(Heartbeats.Endless.Count - 1, loops.Count);
        foreach (var loop in loops)
        {
            await loop.StopAsync(Stop);
            Assert.Contains(beats.Ended(), e => e.Loop == loop.GetType().Name);
        }

        await UntilAsync(() => beats.Died);
    }

    [Fact]
    public async Task A_loop_that_ends_ends_the_service_so_that_it_is_started_again()
    {
        await using var service = await ServiceUnderTest.StartAsync([], exits: true);
        var began = Stopwatch.GetTimestamp();
        await service.Services.GetRequiredService<Auditor>().StopAsync(Stop); // the loop ends without an exception
        var ended = new TaskCompletionSource();
        service.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() => ended.TrySetResult());
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.True(service.Services.GetRequiredService<Heartbeats>().Died); // then the process ends with exit code 70
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task With_two_hundred_threads_blocked_a_press_is_an_alarm_within_five_seconds()
    {
        await using var service = await ServiceUnderTest.StartAsync([]);
        using var release = new ManualResetEventSlim();
        for (var i = 0; i < 200; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ => release.Wait(), null);
        try
        {
            var began = Stopwatch.GetTimestamp();
            await service.PressAsync();
            await service.UntilDbAsync(db => db.Notices.AnyAsync(n => n.State == NoticeState.Sent));
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(5), $"{Stopwatch.GetElapsedTime(began)}");
        }
        finally
        {
            release.Set();
        }
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        var began = Stopwatch.GetTimestamp();
        while (!holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(60), "it does not become so");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Stop);
        }
    }
}
