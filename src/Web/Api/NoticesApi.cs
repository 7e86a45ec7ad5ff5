using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>Whom the escalation told.</summary>
internal static class NoticesApi
{
    public static void Map(RouteGroupBuilder read) =>
        read.MapGet(
                "notices",
                async (Guid? alarm, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var page = await caller.PageAsync(
                        from n in db.Notices.AsNoTracking()
                        where alarm == null || n.AlarmId == alarm
                        orderby n.CreatedAt descending, n.Id
                        select n,
                        offset,
                        limit
                    );
                    await caller.AuditAsync("read", "notices", $"{page.Count} notices");
                    var whole = caller.User.HasClaim("scope", Access.Admin);
                    return page.Select(n => new NoticeAnswer(
                        n.Id,
                        n.AlarmId,
                        n.Channel.Word(),
                        n.Provider,
                        n.Recipient,
                        n.RecipientName,
                        Caller.Masked(n.Address),
                        whole ? n.Text : AlarmOperations.WithoutLink(n.Text),
                        n.State.ToString().ToLowerInvariant(),
                        n.Attempts,
                        n.CreatedAt,
                        n.SentAt,
                        n.FinishedAt,
                        n.Note
                    ));
                }
            )
            .Lists<NoticeAnswer>("Messages and calls, the newest first");
}
