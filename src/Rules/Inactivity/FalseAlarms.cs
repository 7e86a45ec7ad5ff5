namespace Vigil.Rules.Inactivity;

/// <summary>
/// Keeps a home's false alarms within the budget: each one makes the next more expensive, and each day takes a part of that back.
/// </summary>
internal struct FalseAlarms
{
    private const double Step = 0.8;
    private const double Most = 3;

    /// <summary>Cost of a false alarm per day of the budget. At 1.5 the homes of the ADR stay within the budget, with a margin.</summary>
    private const double CostPerDay = 1.5;

    /// <summary>Logarithm of the factor by which a false alarm costs more than the budget says.</summary>
    public double Caution { get; set; }

    public readonly double Weight(double budgetDays) => CostPerDay * budgetDays * Math.Exp(Caution);

    public void Add() => Caution = Math.Min(Most, Caution + Step);

    public void NextDay(double budgetDays) => Caution = Math.Max(0, Caution - Step / budgetDays);
}
