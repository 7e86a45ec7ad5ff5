using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// JSON of Chinese meter gateways: <c>{"d":"&lt;DL/T 645 frame in hex, or JSON text&gt;","o":n}</c> on <c>/iotinfo/{imei}</c>; flat lists
/// of a meter's values (Ep, U, I, P, PF…, also by phase and with Chinese names); Acrel's <c>/gw/…</c> messages with their login and device
/// lists. Sources: the makers' published MQTT interface pages (mujiyun.com 设备直连, Acrel overseas protocol).
/// </summary>
/// <remarks>
/// A negative 32-bit number sent as unsigned (42949066.16 for −606.80) and the sentinel 65.535 are ignored. A power factor above 1 is in
/// percent. Times without an offset are Chinese time.
/// </remarks>
public sealed class CnGatewayDecoder : Decoder
{
    private static readonly TimeSpan China = TimeSpan.FromHours(8);
    private static readonly string[] IdFields =
    [
        "ID",
        "id",
        "imei",
        "addr_no",
        "meterNo",
        "meter_no",
        "表号",
        "电表号",
        "设备编号",
        "gwSN",
        "sn",
    ];

    /// <summary>Names as the makers write them → metric, channel, factor. Some makers leave spaces around a name.</summary>
    private static readonly Dictionary<string, (Metric Metric, string Channel, double Factor)> Fields = Build();

    private readonly Dlt645Decoder dlt645 = new();

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (JsonFields.TryParse(payload, out var document) is { } why)
            return why;
        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return new Wording($"is not a JSON object but {root.ValueKind}", $"不是 JSON 对象，而是 {root.ValueKind}");
            return root.Text("d") is { } inner && root.TryGetProperty("o", out _) ? Wrapped(inner, into) : Object(root, into);
        }
    }

    private Wording? Wrapped(string inner, DecodedPayload into)
    {
        var text = inner.Trim();
        if (text.StartsWith('{'))
        {
            if (JsonFields.TryParse(Encoding.UTF8.GetBytes(text), out var document) is { } why)
                return new Wording($"d: {why.En}", $"d：{why.Zh}");
            using (document)
                return Object(document.RootElement, into);
        }

        if (text.Length % 2 != 0 || !text.All(char.IsAsciiHexDigit))
            return new Wording("d is neither JSON nor hexadecimal", "d 既不是 JSON 也不是十六进制");
        var bytes = Convert.FromHexString(text);
        // What comes through the gateway may be no frame at all; a request to the meter (on /iotmonitor) is one without readings.
        return bytes.AsSpan().Contains((byte)0x68)
            ? dlt645.Decode(bytes, "", into)
            : new Wording("d is no whole DL/T 645 frame", "d 不是完整的 DL/T 645 帧");
    }

    private static Wording? Object(JsonElement o, DecodedPayload into)
    {
        foreach (var name in IdFields)
        {
            if (o.Text(name)?.Trim() is not { Length: > 3 } text || !DeviceId.TryParse(text, out var id))
                continue;
            into.Device = id.Value;
            break;
        }

        var time = Time(o);
        foreach (var list in new[] { "data", "values", "params", "properties" })
            if (o.TryField(list, out var inner) && inner.ValueKind == JsonValueKind.Object)
                Values(inner, time, into);
        Values(o, time, into);
        if (o.Number("lat") is { } lat && (o.Number("lng") ?? o.Number("lon")) is { } lon && (lat != 0 || lon != 0))
            into.AddLocation(lat, lon, time);
        return null;
    }

    private static void Values(JsonElement o, DateTime? time, DecodedPayload into)
    {
        if (o.Number("Ep") is null)
            into.Say(Metric.ElectricityEnergy, o.Number("E1"), time);
        foreach (var field in o.EnumerateObject())
        {
            if (!Fields.TryGetValue(field.Name.Trim(), out var means) || field.Value.Number() is not { } value)
                continue;
            if (Math.Abs(value - 65.535) < 1e-9 || value > 42_000_000)
                continue;
            if (ReferenceEquals(means.Metric, Metric.ElectricityPowerFactor) && Math.Abs(value) > 1)
                value /= 100;
            into.Add(means.Metric, value * means.Factor, time, means.Channel);
        }
    }

    private static DateTime? Time(JsonElement o)
    {
        if ((o.Text("time") ?? o.Text("datetime") ?? o.Text("dataTime") ?? o.Text("采集时间") ?? o.Text("ts")) is not { Length: > 0 } text)
            return null;
        if (
            DateTime.TryParseExact(
                text,
                ["yyyyMMddHHmmss", "yyyy-MM-dd HH:mm:ss", "yyyy/MM/dd HH:mm:ss"],
                CultureInfo.InvariantCulture,
                DateTimeStyles.None,
                out var local
            )
        )
            return DateTime.SpecifyKind(local - China, DateTimeKind.Utc);
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var epoch) && epoch is > 1e9 and < 1e14)
            return DateTime.UnixEpoch.AddSeconds(epoch > 1e11 ? epoch / 1e3 : epoch);
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var exact)
            ? exact.UtcDateTime
            : null;
    }

    private static Dictionary<string, (Metric, string, double)> Build()
    {
        var table = new Dictionary<string, (Metric, string, double)>(StringComparer.Ordinal);
        void Add(Metric metric, string names, string channel = "", double factor = 1)
        {
            foreach (var name in names.Split(' '))
                table[name] = (metric, channel, factor);
        }

        // E1 is forward and E2 reverse active energy. Meters that count one way send Ep too, which equals E1: only one of the two is read.
        Add(Metric.ElectricityEnergy, "Ep EPI epi 正向有功总电能 正向有功电能 当前正向有功总电能 总电能 累计用电量");
        Add(Metric.ElectricityEnergyExport, "E2 EPE epe 反向有功总电能 反向有功电能");
        Add(Metric.ElectricityEnergy, "尖电量", "t1");
        Add(Metric.ElectricityEnergy, "峰电量", "t2");
        Add(Metric.ElectricityEnergy, "平电量", "t3");
        Add(Metric.ElectricityEnergy, "谷电量", "t4");
        Add(Metric.ElectricityVoltage, "U 电压");
        Add(Metric.ElectricityCurrent, "I 电流");
        Add(Metric.ElectricityPower, "P 有功功率 总有功功率");
        Add(Metric.ElectricityPowerReactive, "Q 无功功率 总无功功率");
        Add(Metric.ElectricityPowerApparent, "VA S 视在功率 总视在功率");
        Add(Metric.ElectricityPowerFactor, "PF 功率因数 总功率因数");
        Add(Metric.ElectricityFrequency, "F Fr 频率");
        foreach (
            var (phase, names) in new[]
            {
                ("l1", ("Ua", "Ia", "Pa", "A相")),
                ("l2", ("Ub", "Ib", "Pb", "B相")),
                ("l3", ("Uc", "Ic", "Pc", "C相")),
            }
        )
        {
            Add(Metric.ElectricityVoltage, $"{names.Item1} {names.Item4}电压", phase);
            Add(Metric.ElectricityCurrent, $"{names.Item2} {names.Item4}电流", phase);
            Add(Metric.ElectricityPower, $"{names.Item3} {names.Item4}有功功率", phase);
        }

        Add(Metric.WaterVolume, "累计流量 累计用水量 水表读数 用水量");
        Add(Metric.WaterFlow, "瞬时流量", factor: 1 / 3600.0);
        Add(Metric.BatteryVoltage, "电池电压");
        Add(Metric.BatteryLevel, "电池电量 电量百分比");
        Add(Metric.ValveClosed, "阀门关闭");
        Add(Metric.SignalStrength, "rssi csq CSQ 信号强度");
        return table;
    }
}
