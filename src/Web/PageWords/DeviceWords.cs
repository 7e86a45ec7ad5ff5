using Vigil.Model;

namespace Vigil.Web.PageWords;

/// <summary>The pages of devices: where each is, what it sent, labels, and the trial of a payload.</summary>
internal static class DeviceWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["unbound.many"] = new("Many unregistered devices by", "大量未登记设备，来自"),
        ["unbound.profile"] = new("Read by", "型号"),
        ["unbound.matches"] = new("its topic suggests {0}", "按主题匹配到 {0}"),
        ["devices.former"] = new("Earlier devices", "曾用设备"),
        ["devices.filter"] = new("Where", "状态"),
        ["devices.all"] = new("All", "全部"),
        ["devices.find"] = new("Id, label or resident's number", "编号、名称或服务对象编号"),
        ["devices.none"] = new("No device is found.", "没有找到设备。"),
        ["devices.register"] = new("Register one device", "登记一台设备"),
        ["devices.labels"] = new("Print labels of these", "打印以上设备标签"),
        ["device.state.in-home"] = new("in a home", "在用"),
        ["device.state.in-stock"] = new("in stock", "库存"),
        ["device.state.retired"] = new("retired", "已报废"),
        ["device.speaks"] = new(
            "It is retired and was heard afterwards: somebody still has it.",
            "已报废，但之后仍有上报：可能仍有人在使用。"
        ),
        ["device.label"] = new("Label", "名称"),
        ["device.id"] = new("Device id", "设备编号"),
        ["device.stock"] = new("Whose stock", "库存归属"),
        ["device.stock.all"] = new("the whole service", "全平台"),
        ["device.installed"] = new("Installed", "安装时间"),
        ["device.registered"] = new("Registered here", "登记时间"),
        ["device.retired-at"] = new("Retired", "报废时间"),
        ["device.first-seen"] = new("First heard", "首次上报"),
        ["device.every"] = new("Reports every", "上报间隔"),
        ["device.every.minutes"] = new("{0} min", "{0} 分钟"),
        ["device.every.profile"] = new("as its profile says", "按型号"),
        ["device.battery"] = new("Battery", "电量"),
        ["device.ago"] = new("{0} ago", "{0}前"),
        ["device.latest"] = new("What it last sent", "最近上报内容"),
        ["device.latest.none"] = new("No reading is stored since it came where it is.", "自来到现处以来没有读数。"),
        ["device.metric"] = new("Measures", "项目"),
        ["device.value"] = new("Value", "数值"),
        ["device.yes"] = new("yes", "是"),
        ["device.no"] = new("no", "否"),
        ["device.refused"] = new("Last payload that could not be read", "最近一条无法读取的报文"),
        ["device.places"] = new("Where it was", "使用记录"),
        ["device.places.none"] = new("In no home yet.", "尚未在任何服务对象家中使用。"),
        ["device.places.start"] = new("the beginning", "最初"),
        ["device.places.now"] = new("now", "至今"),
        ["device.changes"] = new("Who changed it", "变更记录"),
        ["device.do"] = new("Change", "变更"),
        ["device.edit"] = new("Label, profile, interval", "名称、型号、上报间隔"),
        ["device.minutes"] = new("Reports every (minutes, 0: as the profile says)", "上报间隔（分钟，0 为按型号）"),
        ["device.move"] = new("Move to another home", "移到另一户"),
        ["device.move.why"] = new(
            "What it measured here stays in this person's file; what it measures from then on goes to the other's.",
            "此前的读数仍归本户，此后的读数归另一户。"
        ),
        ["device.bind"] = new("Bring into a home", "绑定到服务对象"),
        ["device.unbind"] = new("Back into stock", "收回库存"),
        ["device.replace"] = new("Replace by another device", "更换设备"),
        ["device.replace.why"] = new(
            "The new meter's total begins where it begins; the old one's readings stay in the person's file.",
            "新表从自己的读数开始计量，旧表的读数仍保留在服务对象档案中。"
        ),
        ["device.replace.by"] = new("Id of the new device", "新设备编号"),
        ["device.replace.old"] = new("The old one", "旧设备"),
        ["device.replace.retire"] = new("is retired", "报废"),
        ["device.replace.stock"] = new("goes into stock", "收回库存"),
        ["device.retire"] = new("Retire", "报废"),
        ["device.retire.why"] = new(
            "It can't be bound again unless it is taken back into stock. If somebody presses it all the same, the desk is told.",
            "报废后不能再绑定，除非先恢复为库存。若仍有人按键呼救，值班台照常接警。"
        ),
        ["device.restock"] = new("Take back into stock", "恢复为库存"),
        ["device.since"] = new("Done at (empty: now)", "变更时间（不填为现在）"),
        ["device.why"] = new("Reason", "原因"),
        ["device.resident"] = new("Resident's number", "服务对象编号"),
        ["device.profile.same"] = new("empty: as it is", "不填则不变"),
        ["device.done"] = new("Done.", "已完成。"),
        ["device.label.print"] = new("Label to print", "打印标签"),
        ["labels"] = new("Labels", "设备标签"),
        ["labels.print"] = new(
            "Print this page. The code opens the device's page for whoever is signed in.",
            "请直接打印本页。扫码可打开设备页面（需登录）。"
        ),
        ["labels.more"] = new("The first {0} of {1}. Narrow the search for the others.", "仅显示前 {0} 个，共 {1} 个；请缩小查找范围。"),
        ["sheet.devices"] = new("Register many devices", "批量登记设备"),
        ["sheet.devices.why"] = new(
            "A CSV or XLSX file with the columns below. Every device gets a password for MQTT; the answer is a file with them, which is "
                + "shown this once and kept nowhere. All or nothing: with one mistake nothing is registered.",
            "上传含下列列的 CSV 或 XLSX 文件。每台设备生成一个 MQTT 密码，随结果文件返回，仅此一次，系统不保存明文。"
                + "有一处错误则全部不登记。"
        ),
        ["sheet.devices.file"] = new("File", "文件"),
        ["sheet.devices.send"] = new("Register and download the passwords", "登记并下载密码表"),
        ["sheet.devices.template"] = new("Template", "下载模板"),
        ["sheet.devices.back"] = new("Back to the devices", "返回设备"),
        ["decode"] = new("Try a payload", "报文试解"),
        ["decode.why"] = new(
            "Paste what a device sent, and see what is understood of it. Nothing is stored.",
            "粘贴设备上报的内容，查看解析结果。不会写入任何数据。"
        ),
        ["decode.payload"] = new("Payload", "报文"),
        ["decode.topic"] = new("Topic", "主题"),
        ["decode.port"] = new("LoRaWAN port", "LoRaWAN 端口"),
        ["decode.typed"] = new("Written as", "书写方式"),
        ["decode.typed.Unsaid"] = new("whichever it is", "自动识别"),
        ["decode.typed.Text"] = new("text or JSON", "文本或 JSON"),
        ["decode.typed.Hex"] = new("hexadecimal", "十六进制"),
        ["decode.typed.Base64"] = new("base64", "base64 编码"),
        ["decode.try"] = new("Decode", "解析"),
        ["decode.this"] = new("try it", "试解"),
        ["decode.refused"] = new("Refused", "拒绝"),
        ["decode.partly"] = new("A part of it is refused", "部分内容被拒绝"),
        ["decode.nothing"] = new("It is understood, and holds no reading.", "能够识别，但不含读数。"),
        ["decode.flags"] = new("Notes", "备注"),
        ["decode.no-profile"] = new("Choose a profile, or a topic that one matches.", "请选择型号，或填写能匹配型号的主题。"),
        ["decode.flag.ArrivalTime"] = new("dated by its arrival", "以到达时间为准"),
        ["decode.flag.ClockWrong"] = new("the device's clock is wrong", "设备时钟有误"),
        ["decode.flag.History"] = new("history", "历史数据"),
        ["decode.flag.Retained"] = new("kept by the broker", "服务器保留的旧消息"),
        ["decode.flag.Suspect"] = new("impossible value, not used", "数值不可信，不采用"),
        ["decode.flag.Test"] = new("test", "测试"),
    };
}
