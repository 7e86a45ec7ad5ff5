using System.Collections.Concurrent;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server.Circuits;
using Vigil.Web.Accounts;

namespace Vigil.Web;

/// <summary>
/// How many live pages somebody has open: each holds memory and a socket here, and one account could open so many that nobody else's board
/// is live. Whoever is not signed in has none. Thread-safe.
/// </summary>
internal sealed class OpenPages(ConsoleOptions options)
{
    private readonly ConcurrentDictionary<string, HashSet<string>> pages = new(StringComparer.Ordinal);

    /// <summary>Takes a place for a page; false when all are taken.</summary>
    public bool Enter(string who, string page)
    {
        var mine = pages.GetOrAdd(who, _ => []);
        lock (mine)
        {
            if (mine.Count >= options.PagesPerUser)
                return false;
            mine.Add(page);
            return true;
        }
    }

    public int Of(string who)
    {
        if (!pages.TryGetValue(who, out var mine))
            return 0;
        lock (mine)
            return mine.Count;
    }

    public void Leave(string who, string page)
    {
        if (!pages.TryGetValue(who, out var mine))
            return;
        lock (mine)
            mine.Remove(page);
    }
}

/// <summary>
/// One live page (a circuit). Its place is free again when its connection is gone: a page that waits to be connected again asks for one
/// anew.
/// </summary>
internal sealed class OpenPage(OpenPages pages, AuthenticationStateProvider authentication, AccessOpen open, TimeProvider clock)
    : CircuitHandler
{
    /// <summary>A page that is loaded again opens its new socket a moment before the old one is known to be gone.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3),
        Look = TimeSpan.FromMilliseconds(100);

    private string? who;

    public override async Task OnConnectionUpAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        var user = (await authentication.GetAuthenticationStateAsync()).User;
        if (!user.HasClaim(c => c.Type == "scope"))
            throw new UnauthorizedAccessException("nobody is signed in");
        if (open.Value)
            return; // the demo on loopback: everybody is one person
        var begun = clock.GetTimestamp();
        while (!pages.Enter(user.Who(), circuit.Id))
        {
            if (clock.GetElapsedTime(begun) >= Patience)
                throw new InvalidOperationException($"{user.Who()} has as many live pages open as one person may have");
            await Task.Delay(Look, clock, cancellationToken);
        }

        who = user.Who();
    }

    public override Task OnConnectionDownAsync(Circuit circuit, CancellationToken cancellationToken) => Leave(circuit);

    public override Task OnCircuitClosedAsync(Circuit circuit, CancellationToken cancellationToken) => Leave(circuit);

    private Task Leave(Circuit circuit)
    {
        if (who is { } mine)
            pages.Leave(mine, circuit.Id);
        return Task.CompletedTask;
    }
}

/// <summary><c>Http:Open</c>.</summary>
internal sealed record AccessOpen(bool Value);
