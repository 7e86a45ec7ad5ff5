using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>Nobody who has answered is told again because the service was restarted.</summary>
[Trait("Category", "Server")]
public sealed class RestartTests
{
    private const int Homes = 8;

    public enum Ending
    {
        /// <summary>SIGTERM: every snapshot is up to date.</summary>
        Stopped,

        /// <summary>kill -9: the snapshots are older than the presses.</summary>
        Killed,

        /// <summary>The data folder was restored without snapshots: the rules learn from 35 days of stored readings.</summary>
        WithoutSnapshots,
    }

    [Theory]
    [InlineData(Ending.Stopped)]
    [InlineData(Ending.Killed)]
    [InlineData(Ending.WithoutSnapshots)]
    public async Task Presses_that_were_answered_do_not_ring_again_after_a_restart(Ending ending)
    {
        var stop = TestContext.Current.CancellationToken;
        var folder = Directory.CreateTempSubdirectory("vigil-restart-").FullName;
        try
        {
            await using (var first = await ServiceUnderTest.StartAsync([], folder))
                await first.RegisterAsync(Homes);
            CopyAll(Path.Combine(folder, "rules"), Path.Combine(folder, "rules-old"));
            await using (var service = await ServiceUnderTest.StartAsync([], folder))
            {
                // Times of arrival and of devices, both finer than any store keeps them.
                for (var i = 0; i < Homes; i++)
                    Assert.Equal(
                        Receipt.Committed,
                        await service.SayAsync(
                            $"press-{i}",
                            i % 2 == 0 ? """[{"n":"button","vs":"sos"}]""" : """[{"n":"button","vs":"sos","t":-0.1234567}]"""
                        )
                    );
                var desk = service.Services.GetRequiredService<AlarmDesk>();
                foreach (var alarm in await AlarmsAsync(service, stop))
                    await desk.ResolveAsync(alarm.Id, "duty:D1", Resolution.True, "helped", stop);
                Assert.Equal(Homes, (await AlarmsAsync(service, stop)).Count(a => a.State == AlarmState.Resolved));
            }

            if (ending != Ending.Stopped)
                Directory.Delete(Path.Combine(folder, "rules"), recursive: true);
            if (ending == Ending.Killed)
                Directory.Move(Path.Combine(folder, "rules-old"), Path.Combine(folder, "rules"));
            await using var again = await ServiceUnderTest.StartAsync([], folder);
            var alarms = await AlarmsAsync(again, stop);
            Assert.Equal(Homes, alarms.Count);
            Assert.All(alarms, a => Assert.Equal((AlarmState.Resolved, 0), (a.State, a.Repeats)));
            await using var db = await again.Records.CreateDbContextAsync(stop);
            Assert.Equal(Homes, await db.Findings.CountAsync(stop));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<List<Alarm>> AlarmsAsync(ServiceUnderTest service, CancellationToken stop)
    {
        await using var db = await service.Records.CreateDbContextAsync(stop);
        return await db.Alarms.AsNoTracking().Where(a => a.Kind == "sos").ToListAsync(stop);
    }

    private static void CopyAll(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
