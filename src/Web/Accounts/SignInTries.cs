using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;

namespace Vigil.Web.Accounts;

/// <summary>
/// How often a name may be tried, counted by where the tries come from. Whoever guesses waits longer and longer; the person whose name it
/// is goes on signing in from the browser or the address that they signed in from before, because those have a count of their own. A lock
/// on the account would hand the desk's key to everybody who knows a name. Names that exist and names that don't are counted alike. Kept in
/// memory: a restart forgives. Thread-safe.
/// </summary>
internal sealed class SignInTries(TimeProvider clock, IServiceProvider services)
{
    /// <summary>Tries in a row without a wait, from one place.</summary>
    public const int Free = 5;

    /// <summary>
    /// Tries of one name by strangers, all together, within <see cref="Forgotten"/>: a net of many addresses guesses no faster than this.
    /// </summary>
    public const int FreeOfStrangers = 100;

    /// <summary>After the first wait each is twice as long.</summary>
    public static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(15),
        LongestWait = TimeSpan.FromMinutes(15);

    /// <summary>Without a further try for so long, a count begins anew.</summary>
    public static readonly TimeSpan Forgotten = TimeSpan.FromHours(1);

    private const int Most = 50_000;

    private sealed record Count(int Tries, long Last);

    private readonly Lock gate = new();
    private readonly Dictionary<(string Name, string Where), Count> counts = [];
    private readonly Dictionary<string, string> lastGood = new(StringComparer.Ordinal);

    /// <summary>How many counts are kept.</summary>
    internal int Counted
    {
        get
        {
            lock (gate)
                return counts.Count;
        }
    }

    /// <summary>Counts a try before it is looked at, so that many at once are not one.</summary>
    /// <param name="name">As typed.</param>
    /// <param name="address">Where it comes from.</param>
    /// <param name="browser">One that this name has signed in with; null for a stranger.</param>
    /// <returns>How long to wait instead; null when it may be looked at.</returns>
    public TimeSpan? Begin(string name, string address, string? browser)
    {
        name = Key(name);
        lock (gate)
        {
            var known = browser is not null || (lastGood.TryGetValue(name, out var good) && good == address);
            var own = (name, browser ?? address);
            var (wait, tries) = Wait(own, Free);
            if (wait > TimeSpan.Zero)
                return wait;
            if (!known)
            {
                var all = (name, "");
                var (shared, strangers) = Wait(all, FreeOfStrangers);
                if (shared > TimeSpan.Zero)
                    return shared;
                if (strangers + 1 == FreeOfStrangers)
                    Tell();
                Put(all, strangers + 1);
            }

            Put(own, tries + 1);
            return null;
        }
    }

    /// <summary>The try was none after all: the page asks for the second factor on a page of its own.</summary>
    public void Took(string name, string address, string? browser)
    {
        lock (gate)
            if (counts.TryGetValue((Key(name), browser ?? address), out var count) && count.Tries > 0)
                counts[(Key(name), browser ?? address)] = count with { Tries = count.Tries - 1 };
    }

    public void Succeeded(string name, string address, string? browser)
    {
        lock (gate)
        {
            counts.Remove((Key(name), browser ?? address));
            lastGood[Key(name)] = address;
        }
    }

    private (TimeSpan Wait, int Tries) Wait((string, string) of, int free)
    {
        if (!counts.TryGetValue(of, out var count) || clock.GetElapsedTime(count.Last) >= Forgotten)
            return (TimeSpan.Zero, 0);
        if (count.Tries < free)
            return (TimeSpan.Zero, count.Tries);
        var wait = TimeSpan.FromSeconds(
            Math.Min(LongestWait.TotalSeconds, FirstWait.TotalSeconds * Math.Pow(2, Math.Min(count.Tries - free, 10)))
        );
        return (wait - clock.GetElapsedTime(count.Last), count.Tries);
    }

    private void Put((string, string) of, int tries)
    {
        if (counts.Count >= Most)
        {
            foreach (var old in counts.Where(c => clock.GetElapsedTime(c.Value.Last) >= Forgotten).Select(c => c.Key).ToList())
                counts.Remove(old);
            // A flood of made-up names: the oldest half goes, whatever it was.
            if (counts.Count >= Most)
                foreach (var old in counts.OrderBy(c => c.Value.Last).Take(Most / 2).Select(c => c.Key).ToList())
                    counts.Remove(old);
        }

        counts[of] = new Count(tries, clock.GetTimestamp());
    }

    private void Tell() =>
        services
            .GetService<Troubles>()
            ?.Happened(
                "sign-ins",
                "somebody guesses the password of an account of the console: see the audit log, 'sign-in refused'",
                "有人在猜测控制台账号的密码，请查看审计日志（sign-in refused）",
                TimeSpan.FromHours(1)
            );

    private static string Key(string name) => name.Length > 64 ? name[..64].ToUpperInvariant() : name.ToUpperInvariant();
}
