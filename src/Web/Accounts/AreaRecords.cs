using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

/// <summary>
/// The records of the area of the person at a page: no query finds anything outside it. Pages and components open the records through this
/// class alone (a test reads their source).
/// </summary>
public sealed class AreaRecords(RecordsFactory records, AuthenticationStateProvider who) : IDbContextFactory<RecordsDb>
{
    public RecordsDb CreateDbContext() => throw new NotSupportedException("use CreateDbContextAsync: the area is known asynchronously");

    /// <summary>Checks what the person may do, before anything is changed: a hidden button is no protection.</summary>
    /// <exception cref="UnauthorizedAccessException">The person may not do it; the page ends.</exception>
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
