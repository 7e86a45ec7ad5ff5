using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

/// <summary>
/// The records as far as whoever looks may see them: what lies outside their area is not there, whatever a page asks. Pages and components
/// open records through this and nothing else (a test reads their source).
/// </summary>
public sealed class AreaRecords(RecordsFactory records, AuthenticationStateProvider who) : IDbContextFactory<RecordsDb>
{
    public RecordsDb CreateDbContext() => throw new NotSupportedException("who looks is known asynchronously: CreateDbContextAsync");

    /// <summary>Before anything is changed: a button that somebody may not see is no protection.</summary>
    /// <exception cref="UnauthorizedAccessException">Whoever looks may not do it; ends the page.</exception>
    public async Task NeedAsync(string scope)
    {
        var user = (await who.GetAuthenticationStateAsync()).User;
        if (!user.May(scope))
            throw new UnauthorizedAccessException($"{user.Who()} may not {scope}");
    }

    public async Task<RecordsDb> CreateDbContextAsync(CancellationToken cancellationToken = default)
    {
        var user = (await who.GetAuthenticationStateAsync()).User;
        if (!user.HasClaim(c => c.Type == "scope"))
            throw new UnauthorizedAccessException("nobody is signed in");
        return records.CreateDbContext(user.Area());
    }
}

/// <summary>The same for a request of the API, whose caller is known.</summary>
internal sealed class BoundRecords(RecordsFactory records, string area) : IDbContextFactory<RecordsDb>
{
    public RecordsDb CreateDbContext() => records.CreateDbContext(area);
}
