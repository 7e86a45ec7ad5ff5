using Vigil.Model;

namespace Vigil.Web.PageWords;

/// <summary>Residents, their devices, their daily life and absences.</summary>
internal static class HomeWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["reveal"] = new("Show the numbers in full", "显示完整号码"),
        ["residents"] = new("Residents", "服务对象"),
        ["resident"] = new("Resident", "服务对象"),
        ["devices"] = new("Devices", "设备"),
        ["device"] = new("Device", "设备"),
        ["name"] = new("Name", "姓名"),
        ["number"] = new("Number", "编号"),
        ["area"] = new("Area", "区域"),
        ["areas.all"] = new("All areas", "全部区域"),
        ["kind"] = new("Kind", "类型"),
        ["kinds.all"] = new("All kinds", "全部类型"),
        ["categories"] = new("Categories", "对象类型"),
        ["visitor"] = new("Visitor", "探访关爱服务联系人"),
        ["key-class"] = new("key", "重点"),
        ["identity"] = new("Identity number", "身份证号码"),
        ["born"] = new("Born", "出生"),
        ["address"] = new("Address", "居住地址"),
        ["consent"] = new("Consent", "意愿"),
        ["consent.service"] = new("agreed to the service", "同意接受服务"),
        ["consent.no-service"] = new("has not agreed to the service", "未同意接受服务"),
        ["consent.daily"] = new("contacts may see daily life", "同意与联系人共享日常生活信息"),
        ["consent.no-daily"] = new("contacts may not see daily life", "不共享日常生活信息"),
        ["daily-life"] = new("Daily life", "日常生活"),
        ["use.water"] = new("Water, litres a day", "用水（升/日）"),
        ["use.electricity"] = new("Electricity, kWh a day", "用电（千瓦时/日）"),
        ["use.water-hours"] = new("Water, litres an hour, last 4 days", "用水（升/小时，近 4 天）"),
        ["use.electricity-hours"] = new("Electricity, kWh an hour, last 4 days", "用电（千瓦时/小时，近 4 天）"),
        ["use.silent"] = new("silent for {0} h", "已静默 {0} 小时"),
        ["use.silent-all"] = new("silent for more than {0} h", "静默 {0} 小时以上"),
        ["use.last"] = new("Water last used", "最后一次用水"),
        ["use.none"] = new("No water or electricity readings in the last days.", "近几日没有水电读数。"),
        ["use.legend"] = new("0: readings, but nothing used; ?: no readings", "0：有读数但没有使用；？：没有读数"),
        ["last-seen"] = new("last heard", "最近上报"),
        ["never"] = new("never", "从未"),
        ["absences"] = new("Absences", "外出"),
        ["absence.add"] = new("Add absence", "登记外出"),
        ["absence.end"] = new("Is back", "已回家"),
        ["absence.wrong"] = new("The end has to lie after the start, by a year at most.", "结束时间必须晚于开始时间，且不超过一年。"),
        ["absence.limit"] = new(
            "SOS, smoke, gas and fall alarms are never silenced by an absence.",
            "外出期间，紧急呼叫、烟雾、燃气和跌倒警情照常处理。"
        ),
        ["from"] = new("From", "开始"),
        ["until"] = new("Until", "结束"),
        ["unbound"] = new("Devices waiting to be bound", "待绑定设备"),
        ["unbound.why"] = new("They send data, and nobody has registered them.", "已上报但尚未登记的设备。"),
        ["unbound.device"] = new("Unbound device", "未绑定设备"),
        ["unbound.bind"] = new("Bind the device to a resident", "将设备绑定到服务对象"),
        ["bind"] = new("Bind", "绑定"),
        ["bind.to"] = new("Bind to", "绑定到"),
        ["rejected"] = new("Payloads that could not be read", "无法读取的报文"),
        ["rejected.why"] = new("The last 50, with their bytes and the reason.", "最近 50 条，含原始字节与原因。"),
        ["profile"] = new("Profile", "型号"),
        ["time"] = new("Time", "时间"),
        ["location"] = new("Last location", "最后位置"),
        ["location.outside"] = new("{0:0} m from home, outside the zone of {1:0} m", "离家 {0:0} 米，超出 {1:0} 米的活动范围"),
        ["location.inside"] = new("{0:0} m from home, inside the zone of {1:0} m", "离家 {0:0} 米，在 {1:0} 米的活动范围内"),
        ["tested"] = new("Test press", "测试按键"),
        ["tested.how"] = new(
            "Press the button once when it is installed: an alarm resolved as a test, or the button's own test signal, is recorded "
                + "as a test press.",
            "安装时按一次按钮：以“测试”办结其警情，或按钮自身的测试信号，都记为测试按键。"
        ),
        ["outlook"] = new("Earliest seen", "最早可发现"),
        ["outlook.why"] = new(
            "If nothing more is heard or used from now on, trouble could be seen from these moments on.",
            "从现在起若没有任何上报或使用，最早在下列时刻发现异常。"
        ),
        ["usual.today"] = new("Today", "今日"),
        ["usual.yesterday"] = new("Yesterday", "昨日"),
        ["usual.own"] = new("Usual here (last {0} days)", "本人平时（近 {0} 天）"),
        ["usual.litres"] = new("Water, litres", "用水（升）"),
        ["usual.energy"] = new("Electricity, kWh", "用电（千瓦时）"),
        ["usual.first"] = new("First use of water", "首次用水"),
        ["usual.last"] = new("Last use of water", "最后用水"),
        ["months"] = new("Against the person's own months", "与本人往月相比"),
        ["months.month"] = new("Month", "月份"),
        ["months.rises"] = new("Rises", "起床"),
        ["months.bed-exits"] = new("Out of bed, a night", "夜间离床（次）"),
        ["months.toilet-visits"] = new("Toilet, a day", "如厕（次/日）"),
        ["months.meals"] = new("Fridge, kettle, cooker, a day", "冰箱、水壶、炉灶（次/日）"),
        ["months.time-out"] = new("Hours out, a day", "外出（小时/日）"),
        ["months.water"] = new("Water, litres a day", "用水（升/日）"),
        ["months.electricity"] = new("Electricity, kWh a day", "用电（千瓦时/日）"),
        ["months.why"] = new(
            "Medians, as far as the sensors at home tell. A change against the months before is told once, in the week in which it "
                + "is found; it is no alarm.",
            "均为中位数，以家中传感器所见为限。与往月相比的变化在发现的那一周告知一次，不作为警情。"
        ),
        ["areas"] = new("Areas", "区域"),
        ["watch"] = new("Heightened watch", "重点关注"),
        ["watch.why"] = new(
            "In storms, heat, cold or festivals: limits tighten and visits are asked for.",
            "极端天气或传统节日期间：阈值收紧，并安排探访。"
        ),
        ["watch.until"] = new("until", "至"),
        ["watch.start"] = new("Start watch", "开始重点关注"),
        ["watch.end"] = new("End watch", "结束重点关注"),
        ["watch.wrong"] = new("Give a reason and an end within the next 31 days.", "请填写原因和今后 31 天内的结束时间。"),
    };
}
