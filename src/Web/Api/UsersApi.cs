using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>Accounts of people. Whoever is bound to an area makes and changes accounts of it alone.</summary>
internal static class UsersApi
{
    public static void Map(RouteGroupBuilder admin)
    {
        admin
            .MapGet(
                "users",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return (await caller.PageAsync(db.Set<User>().AsNoTracking().OrderBy(u => u.UserName), offset, limit)).Select(
                        UserAnswer.Of
                    );
                }
            )
            .Lists<UserAnswer>("Accounts by name");
        admin
            .MapPost(
                "users",
                async (UserRequest body, Accounts.Accounts accounts, [AsParameters] Caller caller) =>
                {
                    var area = body.Area ?? caller.Area;
                    if (!caller.User.Covers(area))
                        return Caller.Wrong($"'{area}' lies outside '{caller.Area}'");
                    if (
                        await accounts.AddAsync(
                            body.Name ?? "",
                            body.Role ?? "",
                            area,
                            body.DisplayName ?? "",
                            password: null,
                            caller.Who,
                            caller.Cancellation
                        ) is
                        { } wrong
                    )
                        return Caller.Wrong(wrong);
                    return Results.Created(
                        $"/api/v1/users/{Uri.EscapeDataString(body.Name!)}",
                        new UserLink(
                            body.Name!,
                            await accounts.LinkAsync((await accounts.FindAsync(body.Name!))!, caller.Who, caller.Cancellation)
                        )
                    );
                }
            )
            .Creates<UserLink>("Makes an account; the person sets the password with the link");
        admin
            .MapPost(
                "users/{name}/link",
                async (string name, Accounts.Accounts accounts, [AsParameters] Caller caller) =>
                    await FindAsync(name, accounts, caller) is { } user
                        ? Results.Ok(new UserLink(name, await accounts.LinkAsync(user, caller.Who, caller.Cancellation)))
                        : Caller.Missing("account", name)
            )
            .Answers<UserLink>("A link to set a new password, good once and for a day", 404);
        admin
            .MapPost(
                "users/{name}/{state:regex(^(enable|disable)$)}",
                async (string name, string state, Accounts.Accounts accounts, [AsParameters] Caller caller) =>
                {
                    if (await FindAsync(name, accounts, caller) is not { } user)
                        return Caller.Missing("account", name);
                    await accounts.ChangeAsync(user, caller.Who, state + "d", u => u.Disabled = state == "disable", caller.Cancellation);
                    return Results.NoContent();
                }
            )
            .Changes("Enables or disables an account; whoever is signed in with it is signed out within a minute", 404);
        admin
            .MapPost(
                "users/{name}/forget-second-factor",
                async (string name, Accounts.Accounts accounts, [AsParameters] Caller caller) =>
                {
                    if (await FindAsync(name, accounts, caller) is not { } user)
                        return Caller.Missing("account", name);
                    await accounts.SecondFactors.ForgetAsync(user, caller.Who, caller.Cancellation);
                    return Results.NoContent();
                }
            )
            .Changes("Forgets a lost authenticator: the person signs in without it and sets up another one", 404);
    }

    /// <summary>An account; null where there is none in the caller's area.</summary>
    private static async Task<User?> FindAsync(string name, Accounts.Accounts accounts, Caller caller) =>
        await accounts.FindAsync(name) is { } user && caller.User.Covers(user.Area) ? user : null;

    /// <summary>A new account.</summary>
    /// <param name="Name">1 to 64 characters without spaces and colons.</param>
    /// <param name="Role">administrator, supervisor, duty, visitor or read-only.</param>
    /// <param name="Area">Code of the area it is bound to; the caller's own by default.</param>
    /// <param name="DisplayName">The person's name.</param>
    internal sealed record UserRequest(string? Name, string? Role, string? Area = null, string? DisplayName = null);

    /// <summary>An account.</summary>
    /// <param name="SecondFactor">An authenticator is set up.</param>
    internal sealed record UserAnswer(
        string Name,
        string DisplayName,
        string Role,
        string Area,
        bool Disabled,
        bool SecondFactor,
        DateTime CreatedAt,
        DateTime? LastSignInAt
    )
    {
        public static UserAnswer Of(User u) =>
            new(u.UserName ?? "", u.DisplayName, u.Role, u.Area, u.Disabled, u.TwoFactorEnabled, u.CreatedAt, u.LastSignInAt);
    }

    /// <summary>A link with which somebody sets their password.</summary>
    /// <param name="Link">Path and query on this service; good once and for a day. Hand it to that person alone.</param>
    internal sealed record UserLink(string Name, string Link);
}
