using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

/// <summary>
/// Accounts of people, on ASP.NET Core Identity, which hashes passwords and keeps security stamps. The role says what somebody may do, the
/// area where.
/// </summary>
public sealed class Accounts(
    UserManager<User> users,
    SecondFactors secondFactors,
    IDbContextFactory<RecordsDb> records,
    AccountsOptions options,
    TimeProvider clock
)
{
    internal const string Stamp = "stamp";
    internal const string Role = "role";

    public SecondFactors SecondFactors => secondFactors;

    public Task<User?> FindAsync(string name) => users.FindByNameAsync(name);

    public Task<User?> FindAsync(ClaimsPrincipal who) =>
        who.FindFirstValue(ClaimTypes.NameIdentifier) is { } id ? users.FindByIdAsync(id) : Task.FromResult<User?>(null);

    public async Task<bool> HasAdministratorAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.Set<User>().AnyAsync(u => u.Role == Roles.Administrator && !u.Disabled && u.PasswordHash != null, cancellation);
    }

    /// <param name="name">User name; it also stands on timelines.</param>
    /// <param name="password">Null: the person sets one with a link (<see cref="LinkAsync"/>).</param>
    /// <returns>What is wrong; null when the account exists now.</returns>
    public async Task<Wording?> AddAsync(
        string name,
        string role,
        string area,
        string displayName,
        string? password,
        string by,
        CancellationToken cancellation
    )
    {
        if (name.Length is 0 or > 64 || name.Any(c => c == ':' || char.IsControl(c) || char.IsWhiteSpace(c)))
            return new Wording("a name has 1 to 64 characters without spaces and colons", "用户名为 1 至 64 个字符，不含空格和冒号");
        if (!Roles.All.Contains(role))
            return new Wording($"'{role}' is not one of {string.Join(", ", Roles.All)}", $"没有角色“{role}”");
        if (area.Length > 0 && (area.Length > 12 || !area.All(char.IsAsciiDigit)))
            return new Wording($"'{area}' is not an area code", $"“{area}”不是区划代码");
        var user = new User
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            UserName = name,
            Role = role,
            Area = area,
            DisplayName = displayName,
            CreatedAt = clock.GetUtcNow().UtcDateTime,
        };
        var made = password is null ? await users.CreateAsync(user) : await users.CreateAsync(user, password);
        if (!made.Succeeded)
            return Said(made);
        await AuditAsync(by, "account", name, $"made: {role}{(area.Length > 0 ? " " + area : "")}", cancellation);
        return null;
    }

    /// <summary>A link with which the person sets a password, once, within a day.</summary>
    public async Task<string> LinkAsync(User user, string by, CancellationToken cancellation)
    {
        var token = await users.GeneratePasswordResetTokenAsync(user);
        await AuditAsync(by, "account", user.UserName!, "link to set a password", cancellation);
        return $"/account/password?user={Uri.EscapeDataString(user.UserName!)}&token={Uri.EscapeDataString(token)}";
    }

    public async Task<Wording?> SetPasswordAsync(string name, string token, string password, CancellationToken cancellation)
    {
        if (await users.FindByNameAsync(name) is not { } user)
            return LinkInvalid;
        var set = await users.ResetPasswordAsync(user, token, password);
        if (!set.Succeeded)
            return set.Errors.Any(e => e.Code == nameof(IdentityErrorDescriber.InvalidToken)) ? LinkInvalid : Said(set);
        await AuditAsync(name, "account", name, "password set", cancellation);
        return null;
    }

    public async Task<Wording?> ChangePasswordAsync(User user, string old, string now, CancellationToken cancellation)
    {
        var changed = await users.ChangePasswordAsync(user, old, now);
        if (changed.Succeeded)
            await AuditAsync(user.UserName!, "account", user.UserName!, "password changed", cancellation);
        return changed.Succeeded ? null : Said(changed);
    }

    /// <summary>
    /// Changes a role, an area, or whether the account is disabled. The security stamp changes with it, so that whoever is signed in is
    /// signed out within a minute (<see cref="Revalidation"/>).
    /// </summary>
    public async Task ChangeAsync(User user, string by, string what, Action<User> change, CancellationToken cancellation)
    {
        change(user);
        await users.UpdateSecurityStampAsync(user);
        await AuditAsync(by, "account", user.UserName!, what, cancellation);
    }

    /// <summary>
    /// Signs somebody in. A name that does not exist costs the same work and leaves the same kind of row as a wrong password: neither the
    /// answer nor the time it takes tells them apart.
    /// </summary>
    /// <param name="name">As typed.</param>
    /// <param name="password">Null: it was right a moment ago (<see cref="FirstSteps"/>).</param>
    /// <param name="code">The second factor; empty where none was given.</param>
    /// <param name="from">Address of whoever tries, for the audit log.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<(SignInResult Result, ClaimsPrincipal? Who)> SignInAsync(
        string name,
        string? password,
        string code,
        string from,
        CancellationToken cancellation
    )
    {
        var user = name.Length is > 0 and <= 64 ? await users.FindByNameAsync(name) : null;
        var right =
            password is null
            || users.PasswordHasher.VerifyHashedPassword(user ?? NoUser, user?.PasswordHash ?? UnknownPasswordHash, password)
                != PasswordVerificationResult.Failed;
        if (user is not { PasswordHash: not null, Disabled: false } || !right)
        {
            // Somebody may have typed a password into the field of the name: only names that exist are written down.
            var known = user?.UserName ?? "?";
            await AuditAsync(
                known,
                "sign-in refused",
                known,
                $"{(user is { Disabled: true } ? "disabled" : "password")} from {from}",
                cancellation
            );
            return (SignInResult.Wrong, null);
        }

        if (user.TwoFactorEnabled && !await secondFactors.IsRightAsync(user, code))
        {
            if (code.Length > 0)
                await AuditAsync(name, "sign-in refused", name, $"second factor from {from}", cancellation);
            return (SignInResult.CodeNeeded, null);
        }

        user.LastSignInAt = clock.GetUtcNow().UtcDateTime;
        await users.UpdateAsync(user);
        await AuditAsync(name, "sign-in", name, $"from {from}", cancellation);
        return (SignInResult.In, Principal(user));
    }

    /// <summary>
    /// Whether the account is unchanged since it signed in. Keys of the API, people of single sign-on and the demo's console have no
    /// account here, so nothing changes for them.
    /// </summary>
    public async Task<bool> IsCurrentAsync(ClaimsPrincipal who) =>
        who.FindFirstValue(ClaimTypes.NameIdentifier) is not { } id
        || (await users.FindByIdAsync(id) is { Disabled: false } user && user.SecurityStamp == who.FindFirstValue(Stamp));

    /// <summary>What the cookie says of a person: name, role, area and scopes.</summary>
    public ClaimsPrincipal Principal(User user)
    {
        var claims = new List<Claim>
        {
            new(ClaimTypes.NameIdentifier, user.Id.ToString()),
            new(ClaimTypes.Name, user.UserName!),
            new("area", user.Area),
            new(Role, user.Role),
            new(Stamp, user.SecurityStamp ?? ""),
        };
        // Without the second factor an administrator may do one thing: set it up.
        if (user.Role != Roles.Administrator || user.TwoFactorEnabled || !options.SecondFactor)
            claims.AddRange(Roles.Scopes(user.Role).Select(s => new Claim("scope", s)));
        return new ClaimsPrincipal(new ClaimsIdentity(claims, CookieAuthenticationDefaults.AuthenticationScheme));
    }

    private static User NoUser => new() { Role = "", Area = "" };

    /// <summary>Identity's hash of a password that nobody knows, verified where there is no account.</summary>
    private static readonly string UnknownPasswordHash = new PasswordHasher<User>().HashPassword(NoUser, Guid.NewGuid().ToString());

    private static readonly Wording LinkInvalid = new("this link is not valid any more", "此链接已失效");

    private static Wording Said(IdentityResult result)
    {
        var all = result.Errors.Select(Said).ToList();
        return new Wording(string.Join(' ', all.Select(w => w.En)), string.Join('；', all.Select(w => w.Zh)));
    }

    /// <summary>The errors of Identity that our accounts can have, in both languages: its own words are English.</summary>
    internal static Wording Said(IdentityError error) =>
        error.Code switch
        {
            nameof(IdentityErrorDescriber.PasswordTooShort) => new Wording("a password has at least 12 characters", "密码至少 12 个字符"),
            nameof(IdentityErrorDescriber.PasswordMismatch) => new Wording(error.Description, "原密码不对"),
            nameof(IdentityErrorDescriber.DuplicateUserName) => new Wording(error.Description, "已有同名账号"),
            nameof(IdentityErrorDescriber.InvalidUserName) => new Wording(error.Description, "用户名不可用"),
            nameof(IdentityErrorDescriber.InvalidToken) => LinkInvalid,
            nameof(IdentityErrorDescriber.ConcurrencyFailure) => new Wording(error.Description, "账号刚刚被他人修改，请重试"),
            _ => new Wording(error.Description, "账号未能保存"),
        };

    private Task AuditAsync(string who, string action, string name, string detail, CancellationToken cancellation) =>
        records.AddAsync(clock.GetUtcNow().UtcDateTime, who, action, $"user:{name}", detail, cancellation);
}
