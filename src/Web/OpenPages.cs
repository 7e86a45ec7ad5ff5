using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Claims;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server.Circuits;
using Vigil.Model;

namespace Vigil.Web;

/// <summary>
/// Counts the live pages of this process, for two reasons. Each holds memory and a socket, and one account that opened very many would
/// leave none for others: <see cref="Enter"/> limits them per person. And when no person who may acknowledge an alarm has a page open,
/// nobody sees a new alarm: then the service can raise <c>service-trouble</c> (<c>Console:UnattendedSeconds</c>). Thread-safe.
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
        meter.CreateObservableGauge("vigil_desk_pages", () => DeskPages, description: "Live pages of people who may acknowledge an alarm");
        ReportUnattended();
    }

    /// <summary>Live pages of people who may acknowledge an alarm, of whatever area they are.</summary>
    public int DeskPages
    {
        get
        {
            lock (desk)
                return desk.Count;
        }
    }

    /// <summary>Says whether a page is live and its person may acknowledge alarms; saying the same twice changes nothing.</summary>
    public void SetDeskPage(string page, bool counts)
    {
        lock (desk)
        {
            if (counts ? !desk.Add(page) : !desk.Remove(page))
                return;
            if (desk.Count == 0)
                ReportUnattended();
            else
                troubles.Over("desk");
        }
    }

    private void ReportUnattended()
    {
        if (options.UnattendedSeconds is > 0 and var seconds)
            troubles.Say(
                "desk",
                "nobody who may take an alarm has a live page of the console open",
                "值班台无人在线：没有可处理报警的人员打开实时页面",
                TimeSpan.FromSeconds(seconds)
            );
    }

    /// <summary>Adds a page to a person's live pages; false when they have as many as one person may have.</summary>
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

    /// <summary>How many live pages a person has.</summary>
    public int CountOf(string who)
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
/// One live page (a Blazor circuit). It is counted while its connection is up, and checked anew when a lost connection comes back. Only
/// somebody who is signed in has one.
/// </summary>
internal sealed class OpenPage(OpenPages pages, AuthenticationStateProvider authentication, AccessOpen open, TimeProvider clock)
    : CircuitHandler
{
    /// <summary>A page that is loaded again opens its new socket a moment before the old one is known to be gone.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3),
        Pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock gate = new();
    private string? circuitId;
    private string? who;
    private bool connected,
        mayAcknowledge;

    public override Task OnCircuitOpenedAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        circuitId = circuit.Id;
        authentication.AuthenticationStateChanged += OnAuthenticationChanged;
        return Task.CompletedTask;
    }

    public override async Task OnConnectionUpAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        var user = (await authentication.GetAuthenticationStateAsync()).User;
        if (!user.HasClaim(c => c.Type == "scope"))
            throw new UnauthorizedAccessException("nobody is signed in");
        if (!open.Value) // in the demo on loopback everybody is one person, and the limit is not for it
        {
            var begun = clock.GetTimestamp();
            while (!pages.Enter(user.Who(), circuit.Id))
            {
                if (clock.GetElapsedTime(begun) >= Patience)
                    throw new InvalidOperationException($"{user.Who()} has as many live pages open as one person may have");
                await Task.Delay(Pause, clock, cancellationToken);
            }

            who = user.Who();
            user = (await authentication.GetAuthenticationStateAsync()).User; // they may have signed out during the wait
        }

        Count(connected: true, user);
    }

    public override Task OnConnectionDownAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        Leave();
        return Task.CompletedTask;
    }

    public override Task OnCircuitClosedAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        authentication.AuthenticationStateChanged -= OnAuthenticationChanged;
        Leave();
        return Task.CompletedTask;
    }

    private void Leave()
    {
        if (who is { } mine)
            pages.Leave(mine, circuitId!);
        Count(connected: false);
    }

    /// <summary>
    /// An account that was disabled or given another role meanwhile: its page stays connected, and nobody can acknowledge there.
    /// </summary>
    private void OnAuthenticationChanged(Task<AuthenticationState> changed) => _ = CountAnewAsync(changed);

    private async Task CountAnewAsync(Task<AuthenticationState> changed) => Count(user: (await changed).User);

    private void Count(bool? connected = null, ClaimsPrincipal? user = null)
    {
        lock (gate)
        {
            this.connected = connected ?? this.connected;
            mayAcknowledge = user?.May(Access.Write) ?? mayAcknowledge;
            pages.SetDeskPage(circuitId!, this.connected && mayAcknowledge);
        }
    }
}

/// <summary><c>Http:Open</c>.</summary>
internal sealed record AccessOpen(bool Value);
