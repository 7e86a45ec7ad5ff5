using System.Collections.Concurrent;

namespace Vigil.Rules.Inactivity;

/// <summary>How adaptive inactivity is tuned. Defaults in code; docs/adr/0003-adaptive-inactivity.md has the tables behind them.</summary>
/// <param name="BudgetDays">One false alarm (a silence that would have ended by itself) is accepted in so many days per resident and meter;
/// 1 or more. Those of the fixed rule come on top.</param>
/// <param name="FloorHours">The fixed rule: the alarm comes at the latest so many hours after the newest use.</param>
/// <param name="LearnDays">Until so many days have passed, only the fixed rule holds; three quarters of them must be known.</param>
/// <param name="LeastHours">The alarm comes at the earliest so many hours after the newest use.</param>
public sealed record InactivitySettings(double BudgetDays = 100, double FloorHours = 24, int LearnDays = 28, double LeastHours = 4)
{
    public static readonly InactivitySettings Default = new();

    private static readonly ConcurrentDictionary<InactivitySettings, InactivitySettings> All = new() { [Default] = Default };

    /// <summary>The one object with these settings: there are as many as the rules have, and a million homes.</summary>
    internal InactivitySettings Shared() => All.GetOrAdd(this, this);
}

/// <summary>What a pattern is learned from.</summary>
public enum LifeMeter
{
    /// <summary>Cubic metres.</summary>
    Water,

    /// <summary>Kilowatt-hours.</summary>
    Electricity,
}
