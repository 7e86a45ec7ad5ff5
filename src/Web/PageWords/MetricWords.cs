using System.Globalization;
using Vigil.Model;

namespace Vigil.Web.PageWords;

/// <summary>What is measured, and how a value is written for people.</summary>
internal static class MetricWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["metric.water.volume"] = new("Water, total", "用水累计"),
        ["metric.water.volume.reverse"] = new("Water back-flow, total", "反向水量累计"),
        ["metric.water.flow"] = new("Water flow", "水流量"),
        ["metric.water.temperature"] = new("Water temperature", "水温"),
        ["metric.water.pressure"] = new("Water pressure", "水压"),
        ["metric.water.leak"] = new("Water leak", "漏水"),
        ["metric.electricity.energy"] = new("Electricity, total", "用电累计"),
        ["metric.electricity.energy.export"] = new("Electricity fed in, total", "反向电量累计"),
        ["metric.electricity.energy.reactive"] = new("Reactive energy, total", "无功电量累计"),
        ["metric.electricity.energy.apparent"] = new("Apparent energy, total", "视在电量累计"),
        ["metric.electricity.power.demand"] = new("Demand", "需量"),
        ["metric.electricity.phase.angle"] = new("Phase angle", "相角"),
        ["metric.electricity.power"] = new("Power", "功率"),
        ["metric.electricity.power.export"] = new("Power fed in", "反向功率"),
        ["metric.electricity.power.reactive"] = new("Reactive power", "无功功率"),
        ["metric.electricity.power.apparent"] = new("Apparent power", "视在功率"),
        ["metric.electricity.power.factor"] = new("Power factor", "功率因数"),
        ["metric.electricity.voltage"] = new("Voltage", "电压"),
        ["metric.electricity.current"] = new("Current", "电流"),
        ["metric.electricity.frequency"] = new("Frequency", "频率"),
        ["metric.gas.volume"] = new("Gas, total", "用气累计"),
        ["metric.heat.volume"] = new("Heating water, total", "供热水量累计"),
        ["metric.heat.energy"] = new("Heat, total", "热量累计"),
        ["metric.heat.power"] = new("Heat power", "热功率"),
        ["metric.heat.flow"] = new("Heating flow", "供热流量"),
        ["metric.heat.temperature"] = new("Heating temperature", "供热温度"),
        ["metric.water.volume.settlement"] = new("Water on settlement day", "结算日水量"),
        ["metric.gas.volume.settlement"] = new("Gas on settlement day", "结算日气量"),
        ["metric.heat.volume.settlement"] = new("Heating water on settlement day", "结算日供热水量"),
        ["metric.heat.energy.settlement"] = new("Heat on settlement day", "结算日热量"),
        ["metric.electricity.energy.settlement"] = new("Electricity on settlement day", "结算日电量"),
        ["metric.device.hours"] = new("Hours in use", "运行时间"),
        ["metric.pulse.count"] = new("Pulses", "脉冲计数"),
        ["metric.location"] = new("Location", "位置"),
        ["metric.location.altitude"] = new("Altitude", "海拔"),
        ["metric.location.course"] = new("Course", "方向"),
        ["metric.location.satellites"] = new("Satellites used", "定位卫星数"),
        ["metric.location.satellites.view"] = new("Satellites in view", "可见卫星数"),
        ["metric.location.quality"] = new("Quality of the fix", "定位质量"),
        ["metric.location.hdop"] = new("Horizontal precision", "水平精度因子"),
        ["metric.location.pdop"] = new("Precision", "位置精度因子"),
        ["metric.location.vdop"] = new("Vertical precision", "垂直精度因子"),
        ["metric.location.geoid"] = new("Height of the geoid", "大地水准面高"),
        ["metric.vehicle.speed"] = new("Speed", "速度"),
        ["metric.vehicle.fuel"] = new("Fuel", "油量"),
        ["metric.vehicle.ignition"] = new("Ignition on", "点火"),
        ["metric.input.analog"] = new("Analogue input", "模拟输入"),
        ["metric.vehicle.mileage"] = new("Mileage", "里程"),
        ["metric.signal.strength"] = new("Signal", "信号"),
        ["metric.heart.rate"] = new("Heart rate", "心率"),
        ["metric.respiration.rate"] = new("Breathing rate", "呼吸频率"),
        ["metric.blood.oxygen"] = new("Blood oxygen", "血氧"),
        ["metric.blood.pressure.systolic"] = new("Blood pressure, upper", "收缩压"),
        ["metric.blood.pressure.diastolic"] = new("Blood pressure, lower", "舒张压"),
        ["metric.blood.glucose"] = new("Blood glucose", "血糖"),
        ["metric.body.temperature"] = new("Body temperature", "体温"),
        ["metric.body.weight"] = new("Body weight", "体重"),
        ["metric.steps"] = new("Steps", "步数"),
        ["metric.air.temperature"] = new("Room temperature", "室温"),
        ["metric.air.humidity"] = new("Humidity", "湿度"),
        ["metric.air.pressure"] = new("Air pressure", "气压"),
        ["metric.air.co2"] = new("Carbon dioxide", "二氧化碳"),
        ["metric.device.temperature"] = new("Temperature of the device", "设备温度"),
        ["metric.illuminance"] = new("Light", "光照"),
        ["metric.battery.level"] = new("Battery", "电量"),
        ["metric.battery.voltage"] = new("Battery voltage", "电池电压"),
        ["metric.battery.low"] = new("Battery low", "电量低"),
        ["metric.signal.rssi"] = new("Signal strength", "信号强度"),
        ["metric.signal.snr"] = new("Signal to noise", "信噪比"),
        ["metric.presence"] = new("Somebody present", "有人"),
        ["metric.bed.occupied"] = new("In bed", "在床"),
        ["metric.door.open"] = new("Door open", "门已打开"),
        ["metric.smoke"] = new("Smoke", "烟雾"),
        ["metric.gas"] = new("Gas leak", "燃气泄漏"),
        ["metric.tamper"] = new("Tampered with", "被拆动"),
        ["metric.power.lost"] = new("Power lost", "断电"),
        ["metric.valve.closed"] = new("Valve closed", "阀门关闭"),
        ["metric.worn"] = new("Worn", "已佩戴"),
        ["metric.motion"] = new("Motion", "有活动"),
        ["metric.vibration"] = new("Vibration", "震动"),
        ["metric.switch.on"] = new("Switched on", "开关打开"),
        ["metric.online"] = new("Online", "在线"),
        ["metric.fault"] = new("Fault", "故障"),
        ["metric.button"] = new("Button", "按键"),
        ["metric.button.held"] = new("Button held", "按键按住"),
        ["metric.fall"] = new("Fall", "跌倒"),
        ["metric.voice.help"] = new("Call for help by voice", "语音呼救"),
        ["metric.device.alarm"] = new("The device's own alarm", "设备自身报警"),
    };

    /// <summary>Units that people write otherwise than programs do.</summary>
    private static readonly Dictionary<string, Wording> Units = new(StringComparer.Ordinal)
    {
        ["m3"] = Wording.Same("m³"),
        ["m3/s"] = Wording.Same("m³/s"),
        ["Cel"] = Wording.Same("°C"),
        ["%RH"] = Wording.Same("%"),
        ["mm[Hg]"] = Wording.Same("mmHg"),
        ["deg"] = Wording.Same("°"),
        ["beat/min"] = new("beats/min", "次/分"),
        ["/min"] = new("/min", "次/分"),
        ["l"] = Wording.Same("L"),
        ["mmol/l"] = Wording.Same("mmol/L"),
        ["count"] = Wording.None,
        ["/"] = Wording.None,
    };

    public static string Name(Metric metric, string language) => Texts.Of("metric." + metric.Name, language);

    /// <summary>A value with its unit: 12.3 m³, yes, sos, 23.11000, 113.86000.</summary>
    public static string Value(Reading reading, string language) =>
        reading.Metric.Kind switch
        {
            MetricKind.Event => reading.Event ?? "",
            MetricKind.State => Texts.Of(reading.Value != 0 ? "device.yes" : "device.no", language),
            MetricKind.Location => string.Create(CultureInfo.InvariantCulture, $"{reading.Value:0.00000}, {reading.Longitude:0.00000}"),
            _ => $"{Number(reading.Value)} {Unit(reading.Metric.Unit, language)}".TrimEnd(),
        };

    private static string Unit(string unit, string language) => Units.TryGetValue(unit, out var words) ? words.In(language) : unit;

    /// <summary>Twelve digits: conversions leave no 0.30000000000000004 behind.</summary>
    private static string Number(double value) =>
        double.Parse(value.ToString("G12", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
            .ToString("0.############", CultureInfo.InvariantCulture);
}
