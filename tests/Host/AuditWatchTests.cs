using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Host;

/// <summary>The running service chains its audit log and notices when rows are cut off.</summary>
[Trait("Category", "Server")]
public sealed class AuditWatchTests
{
    [Fact]
    public async Task Every_change_of_an_alarm_is_in_the_log_and_rows_that_are_cut_off_are_told_at_once()
    {
        await using var service = await ServiceUnderTest.StartAsync([]);
        await service.PressAsync();
        Guid alarm;
        await using (var db = await service.Records.CreateDbContextAsync(Token))
            alarm = await db.Alarms.Select(a => a.Id).SingleAsync(Token);
        var desk = service.Services.GetRequiredService<AlarmDesk>();
        await desk.AcknowledgeAsync(alarm, "duty:d1", "", Token);
        await desk.TakeInHandAsync(alarm, "duty:d1", "", Token);
        await desk.HandOverAsync(alarm, "duty:d1", "visitor:v1", "", Token);
        await desk.NoteAsync(alarm, "duty:d1", "fell", Token);
        await desk.ResolveAsync(alarm, "duty:d1", Resolution.True, "", Token);
        await desk.ReopenAsync(alarm, "duty:d1", "too early", Token);
        string[] wanted = ["opened", "acknowledged", "in-hand", "handed-over", "note", "resolved", "reopened"];
        await UntilAsync(async db =>
            (await db.Audit.Where(a => a.Subject == "alarm:" + alarm && a.Place != null).Select(a => a.Action).ToListAsync(Token))
                .Intersect(wanted)
                .Count() == wanted.Length
        );
        await UntilAsync(async db => await db.Audit.AnyAsync(a => a.Action == "start" && a.Detail.StartsWith("rules.yaml "), Token));
        // A row about nothing but the log itself: rows of alarms would simply be written again from the alarm's timeline.
        await service.Records.AddAsync(TimeProvider.System.GetUtcNow().UtcDateTime, "duty:d1", "read", "resident:R1", "", Token);
        await UntilAsync(async db => await db.Audit.AnyAsync(a => a.Subject == "resident:R1" && a.Place != null, Token));
        var settings = service.Services.GetRequiredService<Vigil.Host.Settings>();
        var head = Path.Combine(settings.DataPath, "audit", "head.json");
        await UntilAsync(async db =>
            AuditHead.Read(await File.ReadAllTextAsync(head, Token)) is { } h && h.Place == await db.Audit.MaxAsync(a => a.Place, Token)
        );

        await using (var db = await service.Records.CreateDbContextAsync(Token))
            await db
                .Audit.Where(a => a.Place >= db.Audit.Where(x => x.Subject == "resident:R1").Min(x => x.Place))
                .ExecuteDeleteAsync(Token);
        await service.UntilAsync(
            "/healthz/ready",
            (_, text) => text.Contains("rows of the audit log were cut off", StringComparison.Ordinal)
        );
        using var key = AuditKey.Find(settings.DataPath);
        var (kept, refused) = Vigil.Host.AuditHeads.Kept(settings, key);
        Assert.Empty(refused);
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(head)!, "cut-*.json"));
        Assert.Contains(
            (await service.Records.CheckAuditAsync(kept, Token)).Problems,
            p => p.Contains("cut off", StringComparison.Ordinal) || p.Contains("head of", StringComparison.Ordinal)
        );

        async Task UntilAsync(Func<RecordsDb, Task<bool>> holds)
        {
            var begun = TimeProvider.System.GetTimestamp();
            while (true)
            {
                await using (var db = await service.Records.CreateDbContextAsync(Token))
                    if (await holds(db))
                        return;
                Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(30), "not within 30 s");
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
            }
        }
    }

    [Fact]
    public async Task The_head_of_the_day_goes_to_its_folder_and_its_address()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-heads-").FullName;
        var heard = new TaskCompletionSource<string>();
        var builder = Microsoft.AspNetCore.Builder.WebApplication.CreateSlimBuilder();
        Microsoft.AspNetCore.Hosting.WebHostBuilderKestrelExtensions.ConfigureKestrel(
            builder.WebHost,
            k => k.Listen(System.Net.IPAddress.Loopback, 0)
        );
        await using var receiver = builder.Build();
        Microsoft.AspNetCore.Builder.EndpointRouteBuilderExtensions.MapPost(
            receiver,
            "/head",
            async (Microsoft.AspNetCore.Http.HttpContext http) =>
            {
                using var reader = new StreamReader(http.Request.Body);
                heard.SetResult(await reader.ReadToEndAsync(Token));
            }
        );
        await receiver.StartAsync(Token);
        var problems = new List<Problem>();
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager
        {
            ["Data:Path"] = folder,
            ["Audit:HeadFile"] = Path.Combine(folder, "elsewhere"),
            ["Audit:HeadUrl"] = receiver.Urls.First() + "/head",
        };
        var settings = Vigil.Host.Settings.Check(configuration, problems);
        Assert.Empty(problems);
        using var key = AuditKey.Open(folder);
        var head = key.Sign(new ChainEnd(7, "v2.x"), new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc));
        await Vigil.Host.AuditHeads.ExportAsync(settings!, head, new DateOnly(2026, 1, 15), Token);
        Assert.Equal(head, AuditHead.Read(await heard.Task.WaitAsync(TimeSpan.FromSeconds(10), Token)));
        var (kept, refused) = Vigil.Host.AuditHeads.Kept(settings!, key);
        Assert.Equal(head, Assert.Single(kept));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "elsewhere", "audit-head-2026-01-16.json"),
            (head with { Place = 8 }).Write(),
            Token
        );
        (kept, refused) = Vigil.Host.AuditHeads.Kept(settings!, key);
        Assert.Contains("is not rightly signed", Assert.Single(refused), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }
}
