using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;

namespace Vigil.Web.Accounts;

/// <summary>
/// Slows down guessing of passwords. Tries of a user name are counted by the browser or the address that they come from, and after some of
/// them each wait is twice as long as the one before. The person whose name it is signs in as always from the browser or address that they
/// used before, which has a count of its own; locking the account instead would let anybody who knows a name keep that person out. Names
/// without an account are counted alike. Kept in memory: a restart clears the counts. Thread-safe.
/// </summary>
internal sealed class SignInTries(TimeProvider clock, IServiceProvider services)
{
    /// <summary>Tries in a row without a wait, from one place.</summary>
    public const int Free = 5;

    /// <summary>
    /// Tries of one name from all unknown browsers and addresses together without a wait, so that many addresses guess no faster than few.
    /// </summary>
    public const int FreeOfStrangers = 100;

    /// <summary>Each wait is twice as long as the one before.</summary>
    public static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(15),
        LongestWait = TimeSpan.FromMinutes(15);

    /// <summary>After so long without a try a count begins anew.</summary>
    public static readonly TimeSpan Forgotten = TimeSpan.FromHours(1);

    /// <summary>Counts in memory at most.</summary>
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

    /// <summary>Counts a try before its password is checked, so that many at the same moment are all counted.</summary>
    /// <param name="name">As typed.</param>
    /// <param name="address">Where it comes from.</param>
    /// <param name="browser">Id of a browser in which this name has signed in before; else null.</param>
    /// <returns>How long to wait instead; null when the password may be checked.</returns>
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
                    ReportGuessing();
                Put(all, strangers + 1);
            }

            Put(own, tries + 1);
            return null;
        }
    }

    /// <summary>Takes a counted try back: the password was right, and a second page asks for the code.</summary>
    public void TakeBack(string name, string address, string? browser)
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
            // Many names were made up: the oldest half of the counts is dropped, whatever they are.
            if (counts.Count >= Most)
                foreach (var old in counts.OrderBy(c => c.Value.Last).Take(Most / 2).Select(c => c.Key).ToList())
                    counts.Remove(old);
        }

        counts[of] = new Count(tries, clock.GetTimestamp());
    }

    private void ReportGuessing() =>
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
