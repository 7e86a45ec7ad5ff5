using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>A position gathered from several fields.</summary>
internal struct FramePlace()
{
    public double Latitude = double.NaN;
    public double Longitude = double.NaN;
    public float Accuracy = float.NaN;
    public float Speed = float.NaN;
    public ReadingFlags Flags = ReadingFlags.None;

    /// <summary>Appends the position when it is whole. 0/0 means that the tracker has no fix.</summary>
    public readonly void Add(DateTime? time, ReadingFlags flags, DecodedPayload into)
    {
        if (double.IsNaN(Latitude) || double.IsNaN(Longitude) || (Latitude == 0 && Longitude == 0))
            return;
        into.AddLocation(Latitude, Longitude, time, Accuracy, Speed, flags | Flags);
    }
}
