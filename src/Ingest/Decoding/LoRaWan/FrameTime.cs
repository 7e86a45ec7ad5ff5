using System.Globalization;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>Where a frame holds the time of measurement: seconds since 1970, or since <c>from</c>.</summary>
internal sealed class FrameTime
{
    private FrameValue value;
    private DateTime origin;

    public int Needs => value.Needs;

    public static FrameTime? Read(YamlSection section)
    {
        if (section.Section("time") is not { } line)
            return null;
        var origin = DateTime.UnixEpoch;
        if (
            line.Text("from") is { } text
            && !DateTime.TryParse(
                text,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
                out origin
            )
        )
            line.Refuse("from", text, "is not a time such as 2013-01-01T00:00:00Z");
        var found = new FrameTime { value = FrameValue.Read(line), origin = origin };
        line.NoOthers();
        return found;
    }

    /// <summary>Null when the device doesn't know the time: 0, or all ones.</summary>
    public DateTime? Of(ReadOnlySpan<byte> frame) =>
        value.Of(frame) is > 0 and < uint.MaxValue and var seconds ? origin.AddSeconds(seconds) : null;
}
