using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>One record of a SenML pack, resolved with the base fields of the records before it (RFC 8428 §4.6).</summary>
/// <param name="nameBuffer">Where names are put together, <see cref="MaxName"/> long.</param>
internal ref struct SenMlRecord(Span<char> nameBuffer)
{
    public const int MaxName = 256;

    private readonly Span<char> name = nameBuffer;
    private string baseName = "",
        baseUnit = "";
    private double baseTime,
        baseValue,
        baseSum;
    private int length;
    private string? unit,
        text;
    private double? value,
        sum,
        time;
    private bool? flag;

    public readonly bool HasValue => value is not null || flag is not null || text is not null || sum is not null;

    /// <summary>The record's own name, without the base name.</summary>
    public readonly ReadOnlySpan<char> OwnName => name[..length];

    public readonly string? Text => text;

    public readonly bool? Flag => flag;

    public readonly string Unit => unit ?? baseUnit;

    /// <summary>Seconds since 1970, or relative to now; 0 means now (§4.5.3).</summary>
    public readonly double Seconds => baseTime + (time ?? 0);

    /// <summary>Its text, or the label of what value it has: for a reason why it can't be used.</summary>
    public readonly string ShownValue =>
        text
        ?? (
            value is not null ? "v"
            : flag is not null ? "vb"
            : "s"
        );

    /// <summary>Reads the fields of one record, after its opening brace; base fields stay for the next ones.</summary>
    /// <returns>Null when understood, else why the whole pack is refused.</returns>
    public Wording? Read(ref Utf8JsonReader reader, int number)
    {
        length = 0;
        unit = text = null;
        value = sum = time = null;
        flag = null;
        var met = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            // Labels are compared as bytes and the name is put together on the stack: a record allocates no string.
            var label = reader.HasValueSequence || reader.ValueIsEscaped ? SenMlLabel.Other : SenMlLabels.Find(reader.ValueSpan);
            var unknown = label == SenMlLabel.Other ? reader.GetString()! : "";
            if (
                label == SenMlLabel.Other
                && unknown.Length < 5
                && SenMlLabels.Find(Encoding.UTF8.GetBytes(unknown)) is var escaped and not SenMlLabel.Other
            )
                label = escaped; // "\u0076" is v
            // With a duplicate label it is unclear which value is meant. Unknown labels may repeat: they are ignored.
            if (label != SenMlLabel.Other && (met & (1 << (int)label)) != 0)
                return Bad(number, reader.GetString()!, "there once", "只能出现一次");
            met |= 1 << (int)label;
            reader.Read();
            switch (label)
            {
                case SenMlLabel.BaseName:
                    if (!TryText(ref reader, out baseName) || baseName.Length > MaxName)
                        return Bad(number, "bn", $"a text of at most {MaxName} characters", $"应为不超过 {MaxName} 个字符的文字");
                    break;
                case SenMlLabel.BaseUnit:
                    if (!TryText(ref reader, out baseUnit))
                        return Bad(number, "bu", "a text", "应为文字");
                    break;
                case SenMlLabel.BaseTime:
                    if (!TryNumber(ref reader, out baseTime))
                        return Bad(number, "bt", "a number", "应为数字");
                    break;
                case SenMlLabel.BaseValue:
                    if (!TryNumber(ref reader, out baseValue))
                        return Bad(number, "bv", "a number", "应为数字");
                    break;
                case SenMlLabel.BaseSum:
                    if (!TryNumber(ref reader, out baseSum))
                        return Bad(number, "bs", "a number", "应为数字");
                    break;
                case SenMlLabel.Version:
                    if (!TryNumber(ref reader, out var version) || version > 10)
                        return Bad(number, "bver", "a version up to 10", "版本应不超过 10");
                    break;
                case SenMlLabel.Name:
                    if (
                        reader.TokenType != JsonTokenType.String
                        || (reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length) > MaxName
                    )
                        return Bad(number, "n", $"a text of at most {MaxName} characters", $"应为不超过 {MaxName} 个字符的文字");
                    length = reader.CopyString(name);
                    break;
                case SenMlLabel.Unit:
                    if (!TryText(ref reader, out var u))
                        return Bad(number, "u", "a text", "应为文字");
                    unit = u;
                    break;
                case SenMlLabel.Time:
                    if (!TryNumber(ref reader, out var t))
                        return Bad(number, "t", "a number", "应为数字");
                    time = t;
                    break;
                case SenMlLabel.Value:
                    if (!TryNumber(ref reader, out var v))
                        return Bad(number, "v", "a number", "应为数字");
                    value = v;
                    break;
                case SenMlLabel.Sum:
                    if (!TryNumber(ref reader, out var s))
                        return Bad(number, "s", "a number", "应为数字");
                    sum = s;
                    break;
                case SenMlLabel.Text:
                    if (!TryText(ref reader, out var vs))
                        return Bad(number, "vs", "a text", "应为文字");
                    text = vs;
                    break;
                case SenMlLabel.Flag:
                    if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
                        return Bad(number, "vb", "true or false", "应为 true 或 false");
                    flag = reader.GetBoolean();
                    break;
                default:
                    // §4.4: a label that ends in _ must be understood.
                    if (unknown.EndsWith('_'))
                        return Bad(number, unknown, "a label this version knows", "是本版本不认识的标签");
                    reader.Skip();
                    break;
            }
        }

        return null;
    }

    /// <summary>Puts the base name before the record's own; false when that gets too long.</summary>
    public readonly bool TryFullName(out ReadOnlySpan<char> full)
    {
        full = default;
        if (baseName.Length + length > MaxName)
            return false;
        name[..length].CopyTo(name[baseName.Length..]);
        baseName.CopyTo(name);
        full = name[..(baseName.Length + length)];
        return true;
    }

    /// <summary>The value in the metric's unit; NaN when the record has none of this metric's kind.</summary>
    public readonly double ValueOf(Metric metric, Conversion conversion) =>
        metric.Kind == MetricKind.Location ? double.NaN // two numbers; a record has one
        : metric.Kind == MetricKind.State && (flag ?? (text is null ? null : DeviceWords.OfState(metric, text))) is { } holds
            ? holds ? 1
                : 0
        : value is { } direct ? conversion.Apply(direct + baseValue)
        : sum is { } total && metric.Kind == MetricKind.Cumulative ? conversion.Apply(total + baseSum)
        : text is not null && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var written)
            ? conversion.Apply(written)
        : double.NaN;

    private static bool TryNumber(ref Utf8JsonReader reader, out double value)
    {
        value = 0;
        return reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out value) && double.IsFinite(value);
    }

    private static bool TryText(ref Utf8JsonReader reader, out string value)
    {
        value = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
        return reader.TokenType == JsonTokenType.String;
    }

    private static Wording Bad(int record, string label, string expected, string expectedZh) =>
        new Wording($"record {record}: '{label}' is not {expected}", $"第 {record} 条记录：“{label}”{expectedZh}");
}
