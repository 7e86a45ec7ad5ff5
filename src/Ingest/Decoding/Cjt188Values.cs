using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>Values in CJ/T 188 frames: BCD, with a unit that together with the type of the meter says what is measured.</summary>
internal static class Cjt188Values
{
    public static Wording? Quantity(
        byte type,
        ReadOnlySpan<byte> bcd,
        byte unit,
        bool settled,
        DateTime? time,
        DecodedPayload into,
        double scale = 0.01,
        string channel = ""
    )
    {
        if (bcd.IndexOfAnyExcept((byte)0xFF) < 0)
            return null; // not supported by this meter
        if (!Bcd.TryReadLittleEndian(bcd, out var digits))
            return new Wording($"the total {Convert.ToHexString(bcd)} is not BCD", $"累计量 {Convert.ToHexString(bcd)} 不是 BCD 码");
        if (Cjt188Units.Find(unit) is not { } known)
            return new Wording($"unit {unit:X2} is not one of CJ/T 188", $"单位 {unit:X2} 不是 CJ/T 188 的单位");
        Metric? metric = (known.Kind, type >> 4, settled) switch
        {
            ('V', 1, false) => Metric.WaterVolume,
            ('V', 1, true) => Metric.WaterVolumeSettlement,
            ('V', 2, false) => Metric.HeatVolume,
            ('V', 2, true) => Metric.HeatVolumeSettlement,
            ('V', 3, false) => Metric.GasVolume,
            ('V', 3, true) => Metric.GasVolumeSettlement,
            ('E', 4, false) => Metric.ElectricityEnergy,
            ('E', 4, true) => Metric.ElectricityEnergySettlement,
            ('E', _, false) => Metric.HeatEnergy,
            ('E', _, true) => Metric.HeatEnergySettlement,
            ('P', 4, _) => Metric.ElectricityPower,
            ('P', _, _) => Metric.HeatPower,
            ('F', 1, _) => Metric.WaterFlow,
            ('F', 2, _) => Metric.HeatFlow,
            _ => null,
        };
        if (metric is null)
            return new Wording($"unit {unit:X2} does not go with a meter of type {type:X2}", $"单位 {unit:X2} 与类型 {type:X2} 的表计不符");
        into.Add(metric, Math.Round(digits * scale, 6) * known.Factor, time, channel);
        return null;
    }

    public static void Number(ReadOnlySpan<byte> bcd, double scale, Metric metric, string channel, DateTime? time, DecodedPayload into)
    {
        if (Bcd.TryReadLittleEndian(bcd, out var digits))
            into.Add(metric, Math.Round(digits * scale, 6), time, channel);
    }
}
