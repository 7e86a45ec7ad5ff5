using System.Globalization;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// A number in a frame, as a profile describes it: <c>at</c> (bytes from the start, negative from the end), <c>as</c> (<c>u8 i16le u24
/// f32le bcd4le</c>…, big-endian unless it ends in <c>le</c>), <c>bits</c> (<c>7</c> or <c>13-0</c>, bit 0 the least significant).
/// </summary>
internal readonly struct FrameValue
{
    private enum Form
    {
        Unsigned,
        Signed,
        Float,
        Bcd,
    }

    private readonly int at;
    private readonly int size;
    private readonly Form form;
    private readonly bool little;
    private readonly int low;
    private readonly int width;

    private FrameValue(int at, int size, Form form, bool little, int low, int width)
    {
        this.at = at;
        this.size = size;
        this.form = form;
        this.little = little;
        this.low = low;
        this.width = width;
    }

    /// <summary>The least length of a frame that has it, bytes.</summary>
    public int Needs => at < 0 ? Math.Max(-at, size) : at + size;

    public static bool TryParse(string at, string type, string? bits, out FrameValue value)
    {
        value = default;
        if (!int.TryParse(at, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var place))
            return false;
        var little = type.EndsWith("le", StringComparison.Ordinal);
        var name = little ? type[..^2] : type;
        var form =
            name.StartsWith("bcd", StringComparison.Ordinal) ? Form.Bcd
            : name is ['u', ..] ? Form.Unsigned
            : name is ['i', ..] ? Form.Signed
            : Form.Float;
        if (
            !int.TryParse(
                form == Form.Bcd ? name[3..]
                    : name.Length > 1 ? name[1..]
                    : "",
                CultureInfo.InvariantCulture,
                out var number
            )
        )
            return false;
        var size = form == Form.Bcd ? number : number / 8;
        if (
            form == Form.Bcd ? size is < 1 or > 8
            : form == Form.Float ? name[0] != 'f' || number is not (32 or 64)
            : number % 8 != 0 || size is < 1 or > 8
        )
            return false;
        int low = 0,
            width = size * 8;
        if (bits is not null)
        {
            var parts = bits.Split('-');
            if (
                form is Form.Float or Form.Bcd
                || parts.Length > 2
                || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out var high)
                || !int.TryParse(parts[^1], CultureInfo.InvariantCulture, out low)
                || low < 0
                || high < low
                || high >= size * 8
            )
                return false;
            width = high - low + 1;
        }

        value = new FrameValue(place, size, form, little, low, width);
        return true;
    }

    /// <summary>Reads <c>at</c>, <c>as</c> and <c>bits</c>; a problem when they can't be understood.</summary>
    public static FrameValue Read(YamlSection entry)
    {
        string at = entry.Text("at", required: true) ?? "0",
            type = entry.Text("as") ?? "u8";
        if (!TryParse(at, type, entry.Text("bits"), out var value))
            entry.Refuse("as", type, $"at {at} is not a place in a frame: u8, i16le, u24, f32le, bcd4le… with bits such as 7 or 13-0");
        return value;
    }

    /// <summary>NaN when the frame is too short, or BCD has a digit above nine.</summary>
    public double Of(ReadOnlySpan<byte> frame)
    {
        var start = at < 0 ? frame.Length + at : at;
        if (start < 0 || start + size > frame.Length)
            return double.NaN;
        var bytes = frame.Slice(start, size);
        ulong raw = 0;
        for (var i = 0; i < size; i++)
            raw = raw << 8 | bytes[little ? size - 1 - i : i];
        switch (form)
        {
            case Form.Float:
                return size == 4 ? BitConverter.UInt32BitsToSingle((uint)raw) : BitConverter.UInt64BitsToDouble(raw);
            case Form.Bcd:
                double number = 0;
                for (var i = size * 2 - 1; i >= 0; i--)
                {
                    var digit = raw >> (4 * i) & 15;
                    if (digit > 9)
                        return double.NaN;
                    number = number * 10 + digit;
                }

                return number;
        }

        raw >>= low;
        if (width < 64)
            raw &= (1UL << width) - 1;
        if (form == Form.Unsigned)
            return raw;
        return width < 64 && (raw >> (width - 1) & 1) != 0 ? (long)(raw | ulong.MaxValue << width) : (long)raw;
    }
}
