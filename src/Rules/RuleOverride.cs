namespace Vigil.Rules;

/// <summary>Whom an override is for: residents who meet everything that is given.</summary>
internal sealed record RuleOverride(string? Area, string? Class, string? Resident)
{
    public bool AppliesTo(ResidentFacts facts) =>
        (Area is null || (facts.Area.Value ?? "").StartsWith(Area, StringComparison.Ordinal))
        && (Class is null || facts.KeyClass == (Class == "key"))
        && (Resident is null || facts.Id.Value == Resident);

    public string Words =>
        string.Join(
            ", ",
            new[]
            {
                Area is null ? "" : "area " + Area,
                Class is null ? "" : "class " + Class,
                Resident is null ? "" : "resident " + Resident,
            }.Where(w => w.Length > 0)
        );
}
