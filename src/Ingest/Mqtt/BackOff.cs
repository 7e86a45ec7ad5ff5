using System.Collections.Concurrent;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Back-off after wrong passwords, by address or by user name: five are free, then the pause doubles from a second to a minute.
/// </summary>
internal sealed class BackOff<T>(TimeProvider clock)
    where T : notnull
{
    private const int Free = 5;
    private const int Most = 100_000;
    private const double ChecksASecond = 20;
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<T, Tries> all = [];

    public int Count => all.Count;

    /// <summary>Whether it has to wait now.</summary>
    public bool Holds(T key)
    {
        if (!all.TryGetValue(key, out var tries))
            return false;
        lock (tries)
            return tries.Wrong > Free
                && clock.GetElapsedTime(tries.Last) < TimeSpan.FromSeconds(Math.Min(60, Math.Pow(2, tries.Wrong - Free - 1)));
    }

    /// <summary>While it has to wait, a few logins a second are checked all the same: another client may share the address.</summary>
    public bool MayCheck(T key)
    {
        if (!all.TryGetValue(key, out var tries))
            return true;
        lock (tries)
            return tries.Checks.Take() == TimeSpan.Zero;
    }

    public void Failed(T key)
    {
        if (all.Count >= Most)
            Sweep(TimeSpan.FromMinutes(1)); // somebody is inventing names
        if (all.Count >= Most)
            return;
        var tries = all.GetOrAdd(key, static (_, clock) => new Tries(new TokenBucket(ChecksASecond, (int)ChecksASecond, clock)), clock);
        lock (tries)
        {
            tries.Wrong++;
            tries.Last = clock.GetTimestamp();
        }
    }

    public void Succeeded(T key) => all.TryRemove(key, out _);

    public void Sweep() => Sweep(Remembered);

    private void Sweep(TimeSpan idle)
    {
        foreach (var pair in all)
            if (clock.GetElapsedTime(pair.Value.Last) > idle)
                all.TryRemove(pair);
    }

    private sealed class Tries(TokenBucket checks)
    {
        public TokenBucket Checks => checks;
        public int Wrong { get; set; }
        public long Last { get; set; }
    }
}
