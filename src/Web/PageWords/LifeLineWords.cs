using System.Globalization;
using Vigil.Model;
using Vigil.Web.LifeLines;

namespace Vigil.Web.PageWords;

/// <summary>The line of life on a resident's page.</summary>
internal static class LifeLineWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["life"] = new("Signs of life", "生命迹象"),
        ["life.zoom"] = new("Time shown", "显示时段"),
        ["life.6h"] = new("6 hours", "6 小时"),
        ["life.24h"] = new("24 hours", "24 小时"),
        ["life.3d"] = new("3 days", "3 天"),
        ["life.7d"] = new("7 days", "7 天"),
        ["life.28d"] = new("28 days", "28 天"),
        ["life.earlier"] = new("Earlier", "更早"),
        ["life.later"] = new("Later", "更晚"),
        ["life.now"] = new("Now", "现在"),
        ["life.none"] = new("No device told of life in this time.", "本时段没有能反映生命迹象的读数。"),
        ["life.newest"] = new("Last sign of life", "最近生命迹象"),
        ["life.newest.none"] = new("No sign of life for more than {0}", "超过{0}没有生命迹象"),
        ["life.ago"] = new("{0} ago", "{0}前"),
        ["life.device"] = new("Device", "设备"),
        ["life.line"] = new("Time line", "时间线"),
        ["life.last"] = new("Last sign", "最近迹象"),
        ["life.hours"] = new("Hours with signs", "有迹象的小时数"),
        ["life.hours.short"] = new("{0} h", "{0} 小时"),
        ["life.home"] = new("Whole home", "全屋"),
        ["life.untold"] = new("No readings of life from", "没有生命迹象读数的设备"),
        ["life.silence"] = new("Silence ({0} or longer)", "静默（{0}以上）"),
        ["life.longer"] = new("longer than {0}", "{0}以上"),
        ["life.outing"] = new("Perhaps out (door, then no sign)", "疑似外出（开关门后无迹象）"),
        ["life.absence"] = new("Registered absence", "登记外出"),
        ["life.alarm"] = new("Alarms opened", "警情"),
        ["life.ongoing"] = new("ongoing", "仍在持续"),
        ["life.none-found"] = new("none", "无"),
        ["life.more"] = new("and {0} more", "另有 {0} 次"),
        ["life.minutes"] = new("{0} min", "{0} 分钟"),
        ["life.hours-minutes"] = new("{0} h {1} min", "{0} 小时 {1} 分"),
        ["life.days-hours"] = new("{0} d {1} h", "{0} 天 {1} 小时"),
        ["life.of.water.volume"] = new("Water", "用水"),
        ["life.of.electricity.energy"] = new("Electricity", "用电"),
        ["life.of.gas.volume"] = new("Gas", "燃气"),
        ["life.of.electricity.power"] = new("Appliance put to use", "电器启用"),
        ["life.of.location"] = new("Locator moved", "定位移动"),
        ["life.of.blood.pressure.systolic"] = new("Blood pressure taken", "测量血压"),
        ["life.of.blood.glucose"] = new("Blood glucose taken", "测量血糖"),
        ["life.of.body.weight"] = new("Weight taken", "测量体重"),
        ["life.of.steps"] = new("Steps", "步数"),
        ["life.of.presence"] = new("Presence", "人体存在"),
        ["life.of.bed.occupied"] = new("Bed", "床位"),
        ["life.of.door.open"] = new("Door", "门"),
        ["life.of.worn"] = new("Put on or taken off", "佩戴或取下"),
        ["life.of.motion"] = new("Motion", "活动"),
        ["life.of.vibration"] = new("Vibration", "震动"),
        ["life.of.switch.on"] = new("Switch", "开关"),
        ["life.of.button"] = new("Button", "按键"),
        ["life.of.voice.help"] = new("Voice", "语音"),
    };

    /// <summary>In one or two units: 5 h, 5 h 20 min, 3 d 4 h.</summary>
    public static string Length(TimeSpan length, string language)
    {
        var (days, hours, minutes) = ((int)length.TotalDays, (int)length.TotalHours, length.Minutes);
        return days >= 2 ? In("life.days-hours", days, length.Hours)
            : hours == 0 ? In("life.minutes", minutes)
            : minutes == 0 ? In("life.hours.short", hours)
            : In("life.hours-minutes", hours, minutes);

        string In(string words, params object[] numbers) => string.Format(CultureInfo.InvariantCulture, All[words].In(language), numbers);
    }

    public static string LengthOf(Silence silence, string language) =>
        silence.Longer
            ? string.Format(CultureInfo.InvariantCulture, All["life.longer"].In(language), Length(silence.Length, language))
            : Length(silence.Length, language);
}
