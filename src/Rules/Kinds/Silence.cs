using System.Globalization;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>no-water and no-electricity: less than X in Y hours beyond the home's own leak or base load, by the times of measurement.</summary>
public sealed partial class RuleEngine
{
    private void Use(ResidentState state, UseState use, AlarmKind kind, in Reading reading, List<Finding> into)
    {
        var water = ReferenceEquals(kind, AlarmKind.NoWater);
        // A fault, not a use: 20 m3 of water or 60 kWh in an hour is more than a house connection carries.
        if (use.Take($"{reading.Device.Value}/{reading.Channel}", reading.Value, reading.Time, mostAnHour: water ? 20 : 60) is not { } used) return;
        if (!Enabled(state, kind, out var settings)) return;
        var window = settings.Window;
        var baseAnHour = use.BaseAnHour(window);
        if (used > Math.Max(1e-9, baseAnHour * 1.5)) use.LastUse = reading.Time;

        var key = kind.Name;
        var what = water ? "water" : "electricity";
        var whatZh = water ? "水" : "电";
        if (state.Open.TryGetValue(key, out var open))
        {
            var own = baseAnHour * (reading.Time - open.Since).TotalHours;
            // Hysteresis: a third of the limit beyond the base load is life; a drip is not.
            if (use.SinceOpened - own * 1.2 < settings.Below / 3) return;
            Clear(state, kind, key, reading.Time, $"{what} used again at {At(reading.Time)}", $"{At(reading.Time)} 恢复用{whatZh}", reading.Device, into);
            return;
        }

        if (use.KnownUntil - use.KnownSince < window || Absent(state, reading.Time)) return;
        var sum = use.Sum(window);
        var byItself = baseAnHour * window.TotalHours;
        if (sum - byItself * 1.2 >= settings.Below) return;
        use.SinceOpened = 0;
        var (amount, unit) = water ? (sum * 1000, "L") : (sum, "kWh");
        var amountText = amount.ToString(water ? "0.#" : "0.##", CultureInfo.InvariantCulture);
        var reason = $"no {what} since {At(use.LastUse)}: {amountText} {unit} in {window.TotalHours:0} h";
        var zh = $"自{At(use.LastUse)}起未用{whatZh}：{window.TotalHours:0}小时内仅{amountText} {unit}";
        if (byItself > 0) (reason, zh) = ($"{reason}, which is what runs by itself in this home", $"{zh}（为常开用量）");
        var (also, alsoZh) = Beside(state, water, reading.Time);
        Open(state, kind, key, use.LastUse, reading.Time, reason + also, zh + alsoZh, reading.Device, into);
    }

    /// <summary>What the home's other devices say to it.</summary>
    private (string, string) Beside(ResidentState state, bool water, DateTime time)
    {
        var other = water ? state.Electricity : state.Water;
        if (other is null || other.KnownUntil < time - TimeSpan.FromHours(3)) return ("", "");
        var (name, zh) = water ? ("electricity", "用电") : ("water", "用水");
        return time - other.LastUse > TimeSpan.FromHours(6)
            ? ($"; {name} flat since {At(other.LastUse)}", $"；{zh}自{At(other.LastUse)}起无变化")
            : ($"; but {name} was used at {At(other.LastUse)}", $"；但{At(other.LastUse)}有{zh}");
    }
}
