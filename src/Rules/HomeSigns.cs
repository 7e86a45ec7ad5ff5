using Vigil.Model;

namespace Vigil.Rules;

/// <summary>What a home's devices could show right now.</summary>
/// <param name="Devices">Registered devices in the home.</param>
/// <param name="Heard">Those that have been heard and are not missed: by what is expected of each, or its own cadence.</param>
/// <param name="BatteryLow">The battery of one of them is low.</param>
/// <param name="Locator">One of them says where the resident is.</param>
public readonly record struct HomeSigns(int Devices, int Heard, bool BatteryLow, bool Locator);

/// <summary>What the running rules know of the devices of a home.</summary>
public delegate HomeSigns SignsOf(ResidentId resident);

internal static class Signs
{
    public static HomeSigns Of(Home home)
    {
        var (devices, heard, battery, locator) = (0, 0, false, false);
        for (var i = 0; i < home.DeviceCount; i++)
        {
            ref var d = ref home.Devices[i];
            if (!d.Registered)
                continue;
            devices++;
            if (d.Received != 0 && (home.EpisodeCount == 0 || home.FindEpisode(AlarmKind.DeviceSilent, i) < 0))
                heard++;
        }

        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            battery |= ReferenceEquals(e.Kind, AlarmKind.BatteryLow) && e.Device >= 0 && home.Devices[e.Device].Registered;
        }

        for (var i = 0; i < home.SeriesCount && !locator; i++)
        {
            ref var s = ref home.Series[i];
            locator = ReferenceEquals(s.Metric, Metric.Location) && home.Devices[s.Device].Registered;
        }

        if (!locator && home.Facts is { } facts)
            foreach (var device in facts.Devices)
                locator |= device.Expected.Expects.Contains(Metric.Location);
        return new HomeSigns(devices, heard, battery, locator);
    }
}
