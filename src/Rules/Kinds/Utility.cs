using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>Water or electricity: its alarm kind, parameters and words.</summary>
internal readonly record struct Utility(
    AlarmKind Kind,
    RuleParameter LessThan,
    RuleParameter Within,
    RuleParameter WatchWithin,
    RuleParameter Resume,
    RuleParameter CriticalAfter,
    bool IsWater
)
{
    public static readonly Utility Water = new(
        AlarmKind.NoWater,
        RuleParameter.WaterLessThan,
        RuleParameter.WaterWithin,
        RuleParameter.WaterWatchWithin,
        RuleParameter.WaterResume,
        RuleParameter.WaterCriticalAfter,
        true
    );
    public static readonly Utility Electricity = new(
        AlarmKind.NoElectricity,
        RuleParameter.PowerLessThan,
        RuleParameter.PowerWithin,
        RuleParameter.PowerWatchWithin,
        RuleParameter.PowerResume,
        RuleParameter.PowerCriticalAfter,
        false
    );

    public string Name => IsWater ? "water" : "electricity";
    public string NameZh => IsWater ? "用水" : "用电";

    public string Amount(double value) => IsWater ? Phrases.Water(value) : Phrases.Energy(value);

    public double Most(long ticks) => MeterTotal.Most(IsWater, ticks);
}
