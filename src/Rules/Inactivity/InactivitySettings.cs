namespace Vigil.Rules.Inactivity;

/// <summary>How adaptive inactivity is tuned. Defaults in code; docs/adr/0003-adaptive-inactivity.md has the tables behind them.</summary>
/// <param name="BudgetDays">Days in which one silence that would have ended by itself may raise an alarm, per resident and meter; 1 or
/// more. The alarms of the floor come on top.</param>
/// <param name="FloorHours">The fixed rule: never later than that after the newest use, hours.</param>
/// <param name="LearnDays">Until that many days have passed, only the fixed rule holds; three quarters of them must be known.</param>
/// <param name="LeastHours">Never earlier than that after the newest use, hours.</param>
public sealed record InactivitySettings(double BudgetDays = 100, double FloorHours = 24, int LearnDays = 28, double LeastHours = 4)
{
    public static readonly InactivitySettings Default = new();
}

/// <summary>What a pattern is learned from.</summary>
public enum LifeMeter
{
    /// <summary>Cubic metres.</summary>
    Water,

    /// <summary>Kilowatt-hours.</summary>
    Electricity,
}
