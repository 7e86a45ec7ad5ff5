namespace Vigil.Rules;

/// <summary>The homes of a partition, and the areas they belong to.</summary>
internal sealed class PartitionHomes
{
    private readonly Dictionary<string, Home> homes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OutageArea> areas = new(StringComparer.Ordinal);

    public IReadOnlyCollection<Home> All => homes.Values;

    public IReadOnlyCollection<OutageArea> Areas => areas.Values;

    public Home? Find(string resident) => homes.GetValueOrDefault(resident);

    /// <summary>The home of a resident, which is added when it is new.</summary>
    public Home Of(string resident)
    {
        if (!homes.TryGetValue(resident, out var home))
            homes[resident] = home = new Home(resident);
        return home;
    }

    /// <summary>The area of a code, which is added when it is new.</summary>
    public OutageArea AreaOf(string code)
    {
        if (!areas.TryGetValue(code, out var area))
            areas[code] = area = new OutageArea(code);
        return area;
    }

    /// <summary>Moves a home into its area.</summary>
    public void Assign(Home home, string? code)
    {
        if (home.OutageArea?.Area == code)
            return;
        home.OutageArea?.Homes.Remove(home);
        home.OutageArea = string.IsNullOrEmpty(code) ? null : AreaOf(code);
        home.OutageArea?.Homes.Add(home);
    }

    public bool Remove(string resident, out Home? home)
    {
        if (!homes.Remove(resident, out home))
            return false;
        home.OutageArea?.Homes.Remove(home);
        return true;
    }

    public void Clear()
    {
        homes.Clear();
        areas.Clear();
    }
}
