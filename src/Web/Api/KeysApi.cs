using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>Keys of programs. Whoever is bound to an area makes and ends those of that area alone.</summary>
internal static class KeysApi
{
    public static void Map(RouteGroupBuilder admin)
    {
        admin
            .MapGet(
                "apikeys",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return await caller.PageAsync(
                        db.ApiKeys.AsNoTracking()
                            .OrderBy(k => k.CreatedAt)
                            .Select(k => new KeyAnswer(k.Id, k.Name, k.Scopes, k.Area, k.CreatedAt, k.ExpiresAt)),
                        offset,
                        limit
                    );
                }
            )
            .Lists<KeyAnswer>("Keys of the API; the keys themselves are not kept");
        admin
            .MapPost(
                "apikeys",
                async (KeyRequest body, Secrets secrets, [AsParameters] Caller caller) =>
                {
                    var area = body.Area ?? caller.Area;
                    if (body.Name is not { Length: >= 1 and <= 100 } name)
                        return Caller.Wrong("'name' has 1 to 100 characters");
                    if (body.Scope is not (Access.Read or Access.Visit or Access.Write))
                        return Caller.Wrong($"'{body.Scope}' is not one of read, visit, write");
                    if (!caller.User.Covers(area) || (area.Length > 0 && !AreaCode.TryParse(area, out _)))
                        return Caller.Wrong($"'{area}' is no area code within '{caller.Area}'");
                    if (body.Days is < 1 or > 3650)
                        return Caller.Wrong("'days' is 1 to 3650");
                    var key = await secrets.CreateApiKeyAsync(name, body.Scope, area, TimeSpan.FromDays(body.Days), caller.Cancellation);
                    await caller.AuditAsync("apikey", $"apikey:{name}", $"{body.Scope} {area}, {body.Days} days");
                    return Results.Created("/api/v1/apikeys", new KeyCreated(key));
                }
            )
            .Creates<KeyCreated>("Makes a key of the API and shows it in this one answer");
        admin
            .MapDelete(
                "apikeys/{id:guid}",
                async (Guid id, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (await db.ApiKeys.FirstOrDefaultAsync(k => k.Id == id, caller.Cancellation) is not { } key)
                        return Caller.Missing("key", id.ToString());
                    db.ApiKeys.Remove(key);
                    await db.SaveChangesAsync(caller.Cancellation);
                    await caller.AuditAsync("apikey", $"apikey:{key.Name}", "removed");
                    return Results.NoContent();
                }
            )
            .Changes("Ends a key of the API at once", 404);
    }

    /// <summary>A new key.</summary>
    /// <param name="Name">Who uses it; 1 to 100 characters.</param>
    /// <param name="Area">Area code it is bound to; the caller's own by default.</param>
    /// <param name="Scope">read, visit (visits and absences too) or write.</param>
    /// <param name="Days">Until it expires.</param>
    internal sealed record KeyRequest(string? Name, string? Scope, string? Area = null, int Days = 365);

    /// <summary>A key of the API.</summary>
    internal sealed record KeyAnswer(Guid Id, string Name, string Scopes, string Area, DateTime CreatedAt, DateTime? ExpiresAt);

    /// <summary>The key, in this one answer.</summary>
    internal sealed record KeyCreated(string Key);
}
