using Vigil.Model;

namespace Vigil.Rules;

/// <summary>Whom an override is for: residents who meet everything that is given.</summary>
internal sealed record RuleOverride(string? Area, string? Class, string? Resident)
{
    public bool AppliesTo(ResidentFacts facts) =>
        (Area is null || (facts.Area.Value ?? "").StartsWith(Area, StringComparison.Ordinal))
        && (Class is null || facts.KeyClass == (Class == "key"))
        && (Resident is null || facts.Id.Value == Resident);

    public Wording Words =>
        Wording.Join([
            .. new[]
            {
                Area is null ? null : new Wording("area " + Area, "区域 " + Area),
                Class is null ? null : new Wording("class " + Class, Class == "key" ? "重点对象" : "一般对象"),
                Resident is null ? null : new Wording("resident " + Resident, "服务对象 " + Resident),
            }.OfType<Wording>(),
        ]);
}
