using Vigil.Storage.Records;

namespace Vigil.Web.Pages.Plain;

/// <summary>What a visit record asks, on the form and on paper.</summary>
internal static class VisitRecord
{
    private static readonly string[] Change = ["same", "better", "worse"];
    private static readonly string[] Illness = ["same", "severe", "recovering"];
    private static readonly string[] Safety = ["safe", "fairly-safe", "unsafe"];

    /// <summary>Annex 2, part one, in its order: what the visitor ticks.</summary>
    public static readonly (string Key, string[] Choices)[] Rows =
    [
        ("household", ["same", "more", "fewer"]),
        ("speech", Change),
        ("mobility", Change),
        ("illness", Illness),
        ("mood", Change),
        ("gas-safety", Safety),
        ("water-safety", Safety),
        ("electric-safety", Safety),
        ("hygiene", Change),
        ("home-hygiene", Change),
        ("room", Change),
    ];

    /// <summary>The outcomes with which a visit may resolve its alarm, by the API's names.</summary>
    public static readonly (string Value, Resolution Resolution)[] Outcomes =
    [
        ("true", Resolution.True),
        ("false-away", Resolution.FalseAway),
        ("false-habit", Resolution.FalseHabit),
        ("false-device", Resolution.FalseDevice),
        ("false-mistake", Resolution.FalseMistake),
        ("test", Resolution.Test),
        ("technical", Resolution.Technical),
    ];
}
