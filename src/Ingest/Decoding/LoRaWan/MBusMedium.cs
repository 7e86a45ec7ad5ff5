namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>What a meter on an M-Bus measures (EN 13757-3, medium byte).</summary>
internal enum MBusMedium
{
    Other,
    Electricity,
    Gas,
    Heat,
    Water,
}
