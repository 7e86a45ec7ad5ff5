using Vigil.Model;

namespace Vigil.Rules;

/// <summary>One rule as it holds for one resident, and why.</summary>
/// <param name="Kind">Which alarm kind.</param>
/// <param name="Enabled">Whether it applies to this resident at all.</param>
/// <param name="Severity">With which its alarms are opened.</param>
/// <param name="From">What enabled or disabled it or set its severity: <c>as shipped</c>, <c>for all</c>, or the override that did, such as
/// <c>class key</c>.</param>
/// <param name="Parameters">Its numbers.</param>
public sealed record ExplainedRule(
    AlarmKind Kind,
    bool Enabled,
    Severity Severity,
    Wording From,
    IReadOnlyList<ExplainedParameter> Parameters
);

/// <param name="Name">Key in rules.yaml.</param>
/// <param name="Value">As one would write it in rules.yaml.</param>
/// <param name="From">What set it: <c>as shipped</c>, <c>for all</c>, or the override that did.</param>
public sealed record ExplainedParameter(string Name, string Value, Wording From);
