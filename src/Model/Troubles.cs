using System.Collections.Concurrent;

namespace Vigil.Model;

/// <summary>Something wrong with the service itself.</summary>
/// <param name="Case">Its name in code and metrics, such as <c>clock</c> or <c>logins</c>; there is one trouble per case at a time.</param>
/// <param name="What">Description in English.</param>
/// <param name="WhatZh">Description in Chinese.</param>
/// <param name="Patience">How long it may last before it is an alarm.</param>
public sealed record Trouble(string Case, string What, string WhatZh, TimeSpan Patience);

/// <summary>
/// What is wrong with the service now. Any part reports its troubles here; SelfWatch raises one <c>service-trouble</c> alarm for all of
/// them, and <c>/healthz/ready</c> shows the same words. Thread-safe.
/// </summary>
public sealed class Troubles(TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, (Trouble Trouble, long Since, TimeSpan Lasts)> now = new(StringComparer.Ordinal);

    /// <summary>
    /// Reports a trouble that lasts until <see cref="Over"/>. Reported again, with other words too, it is still the same.
    /// </summary>
    /// <param name="name">The case.</param>
    /// <param name="what">In English.</param>
    /// <param name="whatZh">In Chinese.</param>
    /// <param name="patience">How long it may last before it is an alarm.</param>
    public void Say(string name, string what, string whatZh, TimeSpan patience = default) =>
        now[name] = (new Trouble(name, what, whatZh, patience), 0, Timeout.InfiniteTimeSpan);

    /// <summary>
    /// Reports something that happened once (a clock that jumped, a row set aside): it alarms at once and is shown for this time.
    /// </summary>
    public void Happened(string name, string what, string whatZh, TimeSpan lasts) =>
        now[name] = (new Trouble(name, what, whatZh, TimeSpan.Zero), clock.GetTimestamp(), lasts);

    /// <summary>Ends a trouble: it works again.</summary>
    public void Over(string name) => now.TryRemove(name, out _);

    /// <summary>All that is wrong now, by case.</summary>
    public IReadOnlyList<Trouble> Now
    {
        get
        {
            foreach (var (name, said) in now)
                if (said.Lasts != Timeout.InfiniteTimeSpan && clock.GetElapsedTime(said.Since) > said.Lasts)
                    now.TryRemove(new(name, said));
            return [.. now.Values.Select(s => s.Trouble).OrderBy(t => t.Case, StringComparer.Ordinal)];
        }
    }
}
