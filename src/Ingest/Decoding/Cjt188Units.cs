namespace Vigil.Ingest.Decoding;

/// <summary>Units of CJ/T 188-2004, table 12.</summary>
internal static class Cjt188Units
{
    public static bool IsUnit(byte code) => Find(code) is not null;

    /// <summary>What a unit code measures (V volume, E energy, P power, F flow) and its factor to m³, kWh, W or m³/s.</summary>
    public static (char Kind, double Factor)? Find(byte code) =>
        code switch
        {
            0x01 => ('E', 1 / 3.6e6), // J
            0x02 => ('E', 1e-3), // Wh
            0x05 => ('E', 1), // kWh
            0x08 => ('E', 1e3), // MWh
            0x0A => ('E', 1e5), // 100 MWh
            0x0B => ('E', 1 / 3.6e3), // kJ
            0x0E => ('E', 1 / 3.6), // MJ
            0x11 => ('E', 1e3 / 3.6), // GJ
            0x13 => ('E', 1e5 / 3.6), // 100 GJ
            0x14 => ('P', 1), // W
            0x17 => ('P', 1e3), // kW
            0x1A => ('P', 1e6), // MW
            0x29 => ('V', 1e-3), // L
            0x2C => ('V', 1), // m³
            0x32 => ('F', 1e-3 / 3600), // L/h
            0x35 => ('F', 1.0 / 3600), // m³/h
            _ => null,
        };
}
