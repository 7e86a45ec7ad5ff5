using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// SenML JSON (RFC 8428): base name, time, unit, value and sum, relative times, resolved records. A record's full name is the device and
/// one of our metrics, <c>{device}/{metric}</c> or <c>{device}/{metric}/{channel}</c>; without a device in it the topic's device is meant.
/// Units are converted to the metric's (RFC 8798 secondary units too). A record that can't be used takes none of the others with it: a
/// smoke detector is heard although it sends its firmware's version too.
/// </summary>
public sealed class SenMlDecoder : Decoder
{
    /// <summary>RFC 8428 §4.5.3: smaller times are relative to now.</summary>
    private const double RelativeBelow = 268_435_456;

    private const int MaxName = 256;

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (payload.StartsWith("\uFEFF"u8))
            payload = payload[3..];
        var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = 8 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            return new Wording("SenML is a JSON array of records (RFC 8428 §4)", "SenML 应为记录的 JSON 数组（RFC 8428 §4）");
        var topicDevice = into.Device;
        string baseName = "",
            baseUnit = "";
        double baseTime = 0,
            baseValue = 0,
            baseSum = 0;
        Span<char> full = stackalloc char[MaxName];
        var number = 0;
        Wording? unusable = null;
        var lost = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            number++;
            if (reader.TokenType != JsonTokenType.StartObject)
                return new Wording($"record {number} is not an object", $"第 {number} 条记录不是对象");
            var length = 0;
            string? unit = null,
                text = null;
            double? value = null,
                sum = null,
                time = null;
            bool? flag = null;
            var met = 0;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                // The labels are compared as bytes, and the name is put together on the stack: a record costs no text.
                var label = reader.HasValueSequence || reader.ValueIsEscaped ? Label.Other : Of(reader.ValueSpan);
                var unknown = label == Label.Other ? reader.GetString()! : "";
                if (label == Label.Other && unknown.Length < 5 && Of(Encoding.UTF8.GetBytes(unknown)) is var escaped and not Label.Other)
                    label = escaped; // "\u0076" is v
                // With one name twice there is no way to tell which holds. What isn't understood says nothing, once or twice.
                if (label != Label.Other && (met & (1 << (int)label)) != 0)
                    return Bad(number, reader.GetString()!, "there once", "只能出现一次");
                met |= 1 << (int)label;
                reader.Read();
                switch (label)
                {
                    case Label.BaseName:
                        if (!Text(ref reader, out baseName) || baseName.Length > MaxName)
                            return Bad(number, "bn", $"a text of at most {MaxName} characters", $"应为不超过 {MaxName} 个字符的文字");
                        break;
                    case Label.BaseUnit:
                        if (!Text(ref reader, out baseUnit))
                            return Bad(number, "bu", "a text", "应为文字");
                        break;
                    case Label.BaseTime:
                        if (!Number(ref reader, out baseTime))
                            return Bad(number, "bt", "a number", "应为数字");
                        break;
                    case Label.BaseValue:
                        if (!Number(ref reader, out baseValue))
                            return Bad(number, "bv", "a number", "应为数字");
                        break;
                    case Label.BaseSum:
                        if (!Number(ref reader, out baseSum))
                            return Bad(number, "bs", "a number", "应为数字");
                        break;
                    case Label.Version:
                        if (!Number(ref reader, out var version) || version > 10)
                            return Bad(number, "bver", "a version up to 10", "版本应不超过 10");
                        break;
                    case Label.Name:
                        if (
                            reader.TokenType != JsonTokenType.String
                            || (reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length) > MaxName
                        )
                            return Bad(number, "n", $"a text of at most {MaxName} characters", $"应为不超过 {MaxName} 个字符的文字");
                        length = reader.CopyString(full);
                        break;
                    case Label.Unit:
                        if (!Text(ref reader, out var u))
                            return Bad(number, "u", "a text", "应为文字");
                        unit = u;
                        break;
                    case Label.Time:
                        if (!Number(ref reader, out var t))
                            return Bad(number, "t", "a number", "应为数字");
                        time = t;
                        break;
                    case Label.Value:
                        if (!Number(ref reader, out var v))
                            return Bad(number, "v", "a number", "应为数字");
                        value = v;
                        break;
                    case Label.Sum:
                        if (!Number(ref reader, out var s))
                            return Bad(number, "s", "a number", "应为数字");
                        sum = s;
                        break;
                    case Label.Text:
                        if (!Text(ref reader, out var vs))
                            return Bad(number, "vs", "a text", "应为文字");
                        text = vs;
                        break;
                    case Label.Flag:
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

            if (value is null && flag is null && text is null && sum is null)
            {
                if (length > 0 && IsFirst())
                    unusable = new Wording(
                        $"record {number} ('{full[..length]}') has no value",
                        $"第 {number} 条记录（“{full[..length]}”）没有数值"
                    );
                continue; // base fields alone
            }

            if (baseName.Length + length > MaxName)
                return new Wording(
                    $"record {number}: its name is longer than {MaxName} characters",
                    $"第 {number} 条记录的名称超过 {MaxName} 个字符"
                );
            full[..length].CopyTo(full[baseName.Length..]);
            baseName.CopyTo(full);
            var name = full[..(baseName.Length + length)];
            if (!TryName(name, out var deviceLength, out var metric, out var channel))
            {
                if (IsFirst())
                    unusable = new Wording(
                        $"record {number}: '{name}' does not end in one of Vigil's metrics",
                        $"第 {number} 条记录：“{name}”的结尾不是本系统的指标"
                    );
                continue;
            }

            var device = name[..deviceLength];
            if (deviceLength == 0)
                into.Device = topicDevice;
            else if (!device.SequenceEqual(into.Device))
                into.Device = device.SequenceEqual(topicDevice) ? topicDevice : device.ToString();
            var seconds = baseTime + (time ?? 0);
            DateTime? at =
                seconds == 0 ? null
                : seconds < RelativeBelow ? Add(into.Received, seconds)
                : Add(DateTime.UnixEpoch, seconds);
            if (metric.Kind == MetricKind.Event)
            {
                if (text is not null || flag != false)
                    into.AddEvent(metric, DeviceWords.OfEvent(text ?? "pressed"), at, channel);
                continue;
            }

            var from = unit ?? baseUnit;
            if (!Units.TryConvert(from, metric.Unit, out var conversion))
            {
                if (IsFirst())
                    unusable = new Wording(
                        $"record {number}: unit '{from}' can't be converted to {metric.Unit} of {metric}",
                        $"第 {number} 条记录：单位“{from}”不能换算为{metric}的单位 {metric.Unit}"
                    );
                continue;
            }

            var measured =
                metric.Kind == MetricKind.Location ? double.NaN // two numbers; a record has one
                : metric.Kind == MetricKind.State && (flag ?? (text is null ? null : DeviceWords.OfState(metric, text))) is { } holds
                    ? holds ? 1
                        : 0
                : value is { } direct ? conversion.Apply(direct + baseValue)
                : sum is { } total && metric.Kind == MetricKind.Cumulative ? conversion.Apply(total + baseSum)
                : text is not null && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var written)
                    ? conversion.Apply(written)
                : double.NaN;
            if (double.IsFinite(measured))
                into.Add(metric, measured, at, channel);
            else if (IsFirst())
            {
                var what =
                    text
                    ?? (
                        value is not null ? "v"
                        : flag is not null ? "vb"
                        : "s"
                    );
                unusable = new Wording(
                    $"record {number}: '{what}' is no value of {metric}",
                    $"第 {number} 条记录：“{what}”不是 {metric} 的数值"
                );
            }
        }

        if (reader.TokenType != JsonTokenType.EndArray)
            return new Wording("the SenML pack breaks off", "SenML 不完整");
        if (reader.Read())
            return new Wording("text follows the SenML pack", "SenML 之后还有内容");
        if (number == 0)
            return new Wording("an empty SenML pack", "SenML 中没有记录");
        if (unusable is null)
            return null;
        if (lost > 1)
            unusable = new Wording(
                unusable.En + (lost == 2 ? "; another record can't be used either" : $"; {lost - 1} other records can't be used either"),
                unusable.Zh + $"；另有 {lost - 1} 条记录也无法使用"
            );
        if (into.Readings.Count == 0)
            return unusable;
        into.Partly = unusable;
        return null;

        bool IsFirst() => ++lost == 1;
    }

    private enum Label
    {
        Other,
        BaseName,
        BaseUnit,
        BaseTime,
        BaseValue,
        BaseSum,
        Version,
        Name,
        Unit,
        Time,
        Value,
        Sum,
        Text,
        Flag,
    }

    private static Label Of(ReadOnlySpan<byte> label) =>
        label switch
        {
            [(byte)'n'] => Label.Name,
            [(byte)'v'] => Label.Value,
            [(byte)'u'] => Label.Unit,
            [(byte)'t'] => Label.Time,
            [(byte)'s'] => Label.Sum,
            [(byte)'b', (byte)'n'] => Label.BaseName,
            [(byte)'b', (byte)'u'] => Label.BaseUnit,
            [(byte)'b', (byte)'t'] => Label.BaseTime,
            [(byte)'b', (byte)'v'] => Label.BaseValue,
            [(byte)'b', (byte)'s'] => Label.BaseSum,
            [(byte)'b', (byte)'v', (byte)'e', (byte)'r'] => Label.Version,
            [(byte)'v', (byte)'s'] => Label.Text,
            [(byte)'v', (byte)'b'] => Label.Flag,
            _ => Label.Other,
        };

    private static DateTime? Add(DateTime time, double seconds) =>
        seconds is > -6e10 and < 1e11 ? time.AddSeconds(seconds) : DateTime.MaxValue;

    /// <summary><c>{device}/{metric}</c> or <c>{device}/{metric}/{channel}</c>, or without the device.</summary>
    private static bool TryName(ReadOnlySpan<char> full, out int deviceLength, out Metric metric, out string channel)
    {
        (deviceLength, channel) = (0, "");
        if (Metric.TryParse(full, out metric))
            return true;
        var slash = full.LastIndexOfAny('/', ':');
        if (slash < 0)
            return false;
        if (Metric.TryParse(full[(slash + 1)..], out metric))
        {
            deviceLength = slash;
            return true;
        }

        if (!TryName(full[..slash], out deviceLength, out metric, out _))
            return false;
        channel = full[(slash + 1)..].ToString();
        return true;
    }

    private static bool Number(ref Utf8JsonReader reader, out double value)
    {
        value = 0;
        return reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out value) && double.IsFinite(value);
    }

    private static bool Text(ref Utf8JsonReader reader, out string value)
    {
        value = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
        return reader.TokenType == JsonTokenType.String;
    }

    private static Wording Bad(int record, string label, string expected, string expectedZh) =>
        new Wording($"record {record}: '{label}' is not {expected}", $"第 {record} 条记录：“{label}”{expectedZh}");
}
