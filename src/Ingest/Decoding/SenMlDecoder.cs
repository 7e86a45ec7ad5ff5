using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// SenML JSON (RFC 8428): base name, time, unit, value and sum, relative times, resolved records. A record's full name is the device and
/// one of our metrics, <c>{device}/{metric}</c> or <c>{device}/{metric}/{channel}</c>; without a device it is the topic's. Units are
/// converted to the metric's (RFC 8798 secondary units too). A record that can't be used doesn't spoil the others: a smoke alarm is read
/// although its device also sends its firmware's version.
/// </summary>
public sealed class SenMlDecoder : Decoder
{
    /// <summary>RFC 8428 §4.5.3: smaller times are relative to now.</summary>
    private const double RelativeBelow = 268_435_456;

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (payload.StartsWith("\uFEFF"u8))
            payload = payload[3..];
        scoped var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = 8 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            return new Wording("SenML is a JSON array of records (RFC 8428 §4)", "SenML 应为记录的 JSON 数组（RFC 8428 §4）");
        var topicDevice = into.Device;
        var record = new SenMlRecord(stackalloc char[SenMlRecord.MaxName]);
        var number = 0;
        Wording? unusable = null;
        var lost = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            number++;
            if (reader.TokenType != JsonTokenType.StartObject)
                return new Wording($"record {number} is not an object", $"第 {number} 条记录不是对象");
            if (record.Read(ref reader, number) is { } malformed)
                return malformed;
            if (!record.HasValue)
            {
                if (record.OwnName.Length > 0 && ++lost == 1)
                    unusable = new Wording(
                        $"record {number} ('{record.OwnName}') has no value",
                        $"第 {number} 条记录（“{record.OwnName}”）没有数值"
                    );
                continue; // base fields alone
            }

            if (!record.TryFullName(out var name))
                return new Wording(
                    $"record {number}: its name is longer than {SenMlRecord.MaxName} characters",
                    $"第 {number} 条记录的名称超过 {SenMlRecord.MaxName} 个字符"
                );
            if (Add(record, name, topicDevice, into) is var fault and not RecordFault.None && ++lost == 1)
            {
                var reason = WordingOf(fault, record, name);
                unusable = new Wording($"record {number}: {reason.En}", $"第 {number} 条记录：{reason.Zh}");
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
    }

    /// <summary>Why a record can't be used; put into words for the first one of a pack only.</summary>
    private enum RecordFault
    {
        None,
        UnknownMetric,
        OtherUnit,
        NoNumber,
    }

    private static Wording WordingOf(RecordFault fault, scoped in SenMlRecord record, scoped ReadOnlySpan<char> name)
    {
        TryName(name, out _, out var metric, out _);
        return fault switch
        {
            RecordFault.OtherUnit => new Wording(
                $"unit '{record.Unit}' can't be converted to {metric.Unit} of {metric}",
                $"单位“{record.Unit}”不能换算为{metric}的单位 {metric.Unit}"
            ),
            RecordFault.NoNumber => new Wording(
                $"'{record.ShownValue}' is no value of {metric}",
                $"“{record.ShownValue}”不是 {metric} 的数值"
            ),
            _ => new Wording($"'{name}' does not end in one of Vigil's metrics", $"“{name}”的结尾不是本系统的指标"),
        };
    }

    /// <summary>Appends the reading of one record.</summary>
    private static RecordFault Add(scoped in SenMlRecord record, scoped ReadOnlySpan<char> name, string topicDevice, DecodedPayload into)
    {
        if (!TryName(name, out var deviceLength, out var metric, out var channel))
            return RecordFault.UnknownMetric;
        var device = name[..deviceLength];
        if (deviceLength == 0)
            into.Device = topicDevice;
        else if (!device.SequenceEqual(into.Device))
            into.Device = device.SequenceEqual(topicDevice) ? topicDevice : device.ToString();
        var seconds = record.Seconds;
        DateTime? at =
            seconds == 0 ? null
            : seconds < RelativeBelow ? After(into.Received, seconds)
            : After(DateTime.UnixEpoch, seconds);
        if (metric.Kind == MetricKind.Event)
        {
            if (record.Text is not null || record.Flag != false)
                into.AddEvent(metric, DeviceWords.OfEvent(record.Text ?? "pressed"), at, channel);
            return RecordFault.None;
        }

        if (!Units.TryConvert(record.Unit, metric.Unit, out var conversion))
            return RecordFault.OtherUnit;
        var value = record.ValueOf(metric, conversion);
        if (!double.IsFinite(value))
            return RecordFault.NoNumber;
        into.Add(metric, value, at, channel);
        return RecordFault.None;
    }

    private static DateTime? After(DateTime time, double seconds) =>
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
}
