using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Vigil.Notify.Escalation;

namespace Vigil.Tests.Host;

/// <summary>A loop stops while the service goes on answering: the health page says so, and an alarm opens.</summary>
[Trait("Category", "Server")]
public sealed class HeartbeatsTests
{
    [Fact]
    public async Task Health_fails_when_a_loop_stops_though_the_process_answers_and_an_alarm_tells_of_it()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var service = await ServiceUnderTest.StartAsync(new() { ["Health:LoopSeconds"] = "1.2" });
        // Waits for the loops that turn every second. With so short a limit those that turn rarely are named now and then, though they run.
        await service.UntilAsync(
            "/healthz/ready",
            (_, text) =>
                !text.Contains("escalation has", StringComparison.Ordinal)
                && !text.Contains("storing", StringComparison.Ordinal)
                && !text.Contains("rules", StringComparison.Ordinal)
        );
        foreach (
            var (loop, words) in new (IHostedService, string)[]
            {
                (service.Services.GetRequiredService<Escalator>(), "escalation"),
                (service.Services.GetRequiredService<Dispatcher>(), "sending"),
                (service.Services.GetRequiredService<Auditor>(), "the auditor"),
                (service.Services.GetRequiredService<Vigil.Host.Housekeeping>(), "time for the rules"),
            }
        )
        {
            await loop.StopAsync(stop);
            await service.UntilAsync(
                "/healthz/ready",
                (status, text) => status == 503 && text.Contains(words + " has not turned", StringComparison.Ordinal)
            );
        }

        for (var tries = 0; ; tries++)
        {
            await using var db = await service.Records.CreateDbContextAsync(stop);
            if (await db.Alarms.AnyAsync(a => a.Kind == "service-trouble" && a.Reason.Contains("escalation has not turned"), stop))
                break;
            Assert.True(tries < 150, "no alarm tells of the stopped loop");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, stop);
        }

        await service.Services.GetRequiredService<Vigil.Host.Intake.Pipeline>().StopAsync(stop);
        await service.UntilAsync(
            "/healthz/live",
            (status, text) =>
                status == 503
                && text.Contains("escalation", StringComparison.Ordinal)
                && text.Contains("storing readings", StringComparison.Ordinal)
        );
    }
}
