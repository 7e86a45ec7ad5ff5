using System.Globalization;
using System.Text;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Lines of separated values, as loggers and gateways send them: <c>2026-01-01T00:00:00Z,12.345,3.6</c>. The profile names its columns by
/// position or by a heading line in the payload. One bad line doesn't spoil the others (invariant 10).
/// </summary>
public sealed class CsvDecoder : Decoder
{
    private const int MostLines = 10_000;

    private readonly char separator;
    private readonly bool heading;
    private readonly Column[] columns;

    private CsvDecoder(char separator, bool heading, Column[] columns) =>
        (this.separator, this.heading, this.columns) = (separator, heading, columns);

    /// <summary>
    /// Options <c>separator</c> (, by default; <c>tab</c>), <c>heading: true</c> (the first line names the columns), <c>columns:</c> with
    /// name, and metric or <c>role: time | device | skip</c>.
    /// </summary>
    public static Decoder? Create(YamlSection profile)
    {
        var separator = profile.Text("separator") switch
        {
            null => ',',
            "tab" => '\t',
            [var one] => one,
            var other => Refuse(other),
        };
        char Refuse(string text)
        {
            profile.Refuse("separator", text, "is not one character, nor the word tab");
            return ',';
        }

        var columns = new List<Column>();
        foreach (var line in profile.Sections("columns"))
        {
            var name = line.Text("name", required: true) ?? "";
            var role = line.Text("role") ?? "value";
            var format = line.Text("format") ?? "iso";
            var zone = TimeZoneInfo.Utc;
            if (line.Text("zone") is { } z && !TimeZoneInfo.TryFindSystemTimeZoneById(z, out zone!))
                line.Refuse("zone", z, "is not a time zone such as Asia/Shanghai or UTC");
            if (role is not ("value" or "time" or "device" or "skip"))
                line.Refuse("role", role, "is not one of value, time, device, skip");
            var metric = role == "value" ? MapEntry.ReadMetric(line) : null;
            columns.Add(
                new Column(
                    name,
                    role,
                    metric?.Item1,
                    metric?.Item2 ?? Conversion.Identity,
                    line.Text("channel") ?? "",
                    format,
                    zone ?? TimeZoneInfo.Utc
                )
            );
            line.NoOthers();
        }

        if (columns.Count == 0)
            profile.Refuse("columns", "", "a CSV profile names its columns");
        return new CsvDecoder(separator, profile.Flag("heading") ?? false, [.. columns]);
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (payload.StartsWith("\uFEFF"u8))
            payload = payload[3..];
        var (number, understood) = (0, 0);
        Wording? why = null;
        Column?[]? order = heading ? null : [.. columns];
        foreach (var raw in Encoding.UTF8.GetString(payload).Split('\n'))
        {
            var line = raw.Trim('\r', ' ');
            if (++number > MostLines)
                return new Wording($"more than {MostLines} lines", $"超过 {MostLines} 行");
            if (line.Length == 0)
                continue;
            var fields = line.Split(separator);
            if (order is null)
            {
                order = [.. fields.Select(f => Array.Find(columns, c => c.Name == f.Trim(' ', '"')))];
                if (Array.Find(columns, c => c.Role != "skip" && !order.Contains(c)) is { } missing)
                    return new Wording($"the heading has no column '{missing.Name}'", $"表头没有“{missing.Name}”列");
                continue;
            }

            if (Row(fields, order, into) is { } wrong)
                why ??= new Wording($"line {number}: {wrong.En}", $"第 {number} 行：{wrong.Zh}");
            else
                understood++;
        }

        into.Partly = why;
        return understood > 0 ? null : why ?? new Wording("no line of values in it", "没有数据行");
    }

    private static Wording? Row(string[] fields, Column?[] order, DecodedPayload into)
    {
        if (fields.Length > order.Length)
            return new Wording(
                $"{fields.Length} fields, the profile names {order.Length} columns",
                $"有 {fields.Length} 个字段，型号文件只有 {order.Length} 列"
            );
        DateTime? time = null;
        Span<double> values = stackalloc double[Math.Min(order.Length, 64)];
        values.Fill(double.NaN);
        for (var i = 0; i < fields.Length && i < values.Length; i++)
        {
            var text = fields[i].Trim(' ', '"');
            if (order[i] is not { } column || column.Role == "skip" || text.Length == 0)
                continue;
            switch (column.Role)
            {
                case "time":
                    if (!column.TryTime(text, out time))
                        return new Wording(
                            $"'{text}' is not a time of the format '{column.Format}'",
                            $"“{text}”不是格式“{column.Format}”的时间"
                        );
                    break;
                case "device":
                    if (!DeviceId.TryParse(text, out var id))
                        return new Wording($"'{text}' is no device's id", $"“{text}”不是设备编号");
                    into.Device = id.Value;
                    break;
                default:
                    if (column.Metric!.Kind == MetricKind.Event)
                        values[i] = 1;
                    else if (
                        !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out values[i])
                        || !double.IsFinite(values[i])
                    )
                        return new Wording($"'{text}' in column '{column.Name}' is not a number", $"“{column.Name}”列的“{text}”不是数字");
                    break;
            }
        }

        for (var i = 0; i < fields.Length && i < values.Length; i++)
        {
            if (order[i] is not { Role: "value" } column || double.IsNaN(values[i]))
                continue;
            if (column.Metric!.Kind == MetricKind.Event)
                into.AddEvent(column.Metric, DeviceWords.OfEvent(fields[i].Trim(' ', '"')), time, column.Channel);
            else
                into.Add(column.Metric, column.Conversion.Apply(values[i]), time, column.Channel);
        }

        return null;
    }

    private sealed record Column(
        string Name,
        string Role,
        Metric? Metric,
        Conversion Conversion,
        string Channel,
        string Format,
        TimeZoneInfo Zone
    )
    {
        public bool TryTime(string text, out DateTime? time)
        {
            time = null;
            if (Format is "s" or "ms")
            {
                if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                    return false;
                var seconds = Format == "ms" ? number / 1e3 : number;
                time = seconds is > -6e10 and < 1e11 ? DateTime.UnixEpoch.AddSeconds(seconds) : DateTime.MaxValue;
                return true;
            }

            DateTime at;
            if (
                Format == "iso"
                    ? !DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out at)
                    : !DateTime.TryParseExact(text, Format, CultureInfo.InvariantCulture, DateTimeStyles.None, out at)
            )
                return false;
            time =
                at.Kind == DateTimeKind.Utc ? at : TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(at, DateTimeKind.Unspecified), Zone);
            return true;
        }
    }
}
