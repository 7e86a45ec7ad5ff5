using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server.Circuits;
using Vigil.Model;
using Vigil.Web.Accounts;

namespace Vigil.Web;

/// <summary>
/// How many live pages somebody has open: each holds memory and a socket here, and one account could open so many that nobody else's board
/// is live. Whoever is not signed in has none. It also knows whether anybody who may take an alarm looks at all: a board that nobody has
/// open rings for nobody. Thread-safe.
/// </summary>
internal sealed class OpenPages
{
    private readonly ConcurrentDictionary<string, HashSet<string>> pages = new(StringComparer.Ordinal);
    private readonly HashSet<string> desk = new(StringComparer.Ordinal);
    private readonly ConsoleOptions options;
    private readonly Troubles troubles;

    public OpenPages(ConsoleOptions options, Troubles troubles, Meter meter)
    {
        (this.options, this.troubles) = (options, troubles);
        meter.CreateObservableGauge("vigil_desk_pages", () => Desk, description: "Live pages of people who may take an alarm");
        SayWhenNobodyLooks();
    }

    /// <summary>Live pages of people who may take an alarm.</summary>
    public int Desk
    {
        get
        {
            lock (desk)
                return desk.Count;
        }
    }

    /// <summary>A page of somebody who may take an alarm is live, or no more.</summary>
    public void Looks(string page, bool live)
    {
        lock (desk)
        {
            if (live ? !desk.Add(page) : !desk.Remove(page))
                return;
            if (desk.Count == 0)
                SayWhenNobodyLooks();
            else
                troubles.Over("desk");
        }
    }

    private void SayWhenNobodyLooks()
    {
        if (options.UnattendedSeconds is > 0 and var seconds)
            troubles.Say(
                "desk",
                "nobody who may take an alarm has a live page of the console open",
                "值班台无人在线：没有可处理报警的人员打开实时页面",
                TimeSpan.FromSeconds(seconds)
            );
    }

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
        Pause = TimeSpan.FromMilliseconds(100);

    private string? who;
    private bool desk;

    public override async Task OnConnectionUpAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        var user = (await authentication.GetAuthenticationStateAsync()).User;
        if (!user.HasClaim(c => c.Type == "scope"))
            throw new UnauthorizedAccessException("nobody is signed in");
        desk = user.May("write");
        if (open.Value)
        {
            Look(circuit, live: true);
            return; // the demo on loopback: everybody is one person
        }

        var begun = clock.GetTimestamp();
        while (!pages.Enter(user.Who(), circuit.Id))
        {
            if (clock.GetElapsedTime(begun) >= Patience)
                throw new InvalidOperationException($"{user.Who()} has as many live pages open as one person may have");
            await Task.Delay(Pause, clock, cancellationToken);
        }

        who = user.Who();
        Look(circuit, live: true);
    }

    public override Task OnConnectionDownAsync(Circuit circuit, CancellationToken cancellationToken) => Leave(circuit);

    public override Task OnCircuitClosedAsync(Circuit circuit, CancellationToken cancellationToken) => Leave(circuit);

    private Task Leave(Circuit circuit)
    {
        if (who is { } mine)
            pages.Leave(mine, circuit.Id);
        Look(circuit, live: false);
        return Task.CompletedTask;
    }

    private void Look(Circuit circuit, bool live)
    {
        if (desk)
            pages.Looks(circuit.Id, live);
    }
}

/// <summary><c>Http:Open</c>.</summary>
internal sealed record AccessOpen(bool Value);
