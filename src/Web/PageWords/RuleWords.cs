using Vigil.Model;

namespace Vigil.Web.PageWords;

/// <summary>Rules, policies, statistics, webhooks and the registry as a file.</summary>
internal static class RuleWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["statistics"] = new("Statistics", "统计"),
        ["days"] = new("Last {0} days", "近 {0} 天"),
        ["answered.60"] = new("Critical alarms answered within 60 s", "紧急警情 60 秒内确认"),
        ["answered.180"] = new("Critical alarms answered within 180 s", "紧急警情 180 秒内确认"),
        ["goal"] = new("goal {0}", "目标 {0}"),
        ["false-rate"] = new("False alarms per resident-month", "每人每月误报"),
        ["on-site"] = new("On site within 45 min", "45 分钟内到场"),
        ["devices.silent"] = new("Devices silent for a day or more", "设备静默（24 小时以上）"),
        ["devices.never"] = new("never heard", "从未上报"),
        ["false-by-reason"] = new("False alarms per resident-month by reason", "每人每月误报（按原因）"),
        ["visit-rate"] = new("Monthly visit rate by town", "月探访率（按镇街）"),
        ["visited"] = new("Residents visited", "探访率"),
        ["by-kind"] = new("By kind", "按类型"),
        ["by-resolution"] = new("By outcome", "按办结类别"),
        ["rules"] = new("Rules", "规则"),
        ["rules.ask"] = new(
            "Enter a resident's number to see which rules and policies apply.",
            "输入服务对象编号，查看适用的规则与升级策略。"
        ),
        ["rules.apply"] = new("Rules that apply", "适用的规则"),
        ["rules.value"] = new("Value", "取值"),
        ["rules.from"] = new("Set by", "来源"),
        ["rules.off"] = new("off", "停用"),
        ["rules.change"] = new("Change the rules", "修改规则"),
        ["rules.file"] = new("Rules file", "规则文件"),
        ["rules.dry-run"] = new(
            "Before it is saved, a change is tried on this resident's last {0} days.",
            "保存前，先用此服务对象最近 {0} 天的读数试算。"
        ),
        ["rules.shipped"] = new(
            "The shipped rules are not written to: copy them and set Rules:Path.",
            "出厂规则不可改写：请复制一份，并设置 Rules:Path。"
        ),
        ["rules.try"] = new("Try", "试算"),
        ["rules.save"] = new("Save", "保存"),
        ["rules.now"] = new("Alarms under the rules in force", "现行规则的警情"),
        ["rules.proposed"] = new("Alarms under the proposal", "修改后的警情"),
        ["policies.apply"] = new("Policies that apply", "适用的升级策略"),
        ["policies.wait"] = new("wait {0:0.#} min", "等待 {0:0.#} 分钟"),
        ["webhooks"] = new("Webhooks", "系统对接"),
        ["webhooks.why"] = new(
            "Other systems are told of alarms by signed https messages, without names, phone numbers or addresses. What isn't taken "
                + "is tried for a day.",
            "其他系统通过带签名的 HTTPS 消息得知警情；不含姓名、电话和地址。未送达的消息重试一天。"
        ),
        ["webhooks.url"] = new("Address", "接收地址"),
        ["webhooks.events"] = new("Told of", "告知的事件"),
        ["webhooks.event"] = new("Event", "事件"),
        ["webhooks.state"] = new("State", "状态"),
        ["webhooks.state.waiting"] = new("waiting", "等待"),
        ["webhooks.state.delivered"] = new("delivered", "已送达"),
        ["webhooks.state.given-up"] = new("given up", "已放弃"),
        ["webhooks.add"] = new("Add", "添加"),
        ["webhooks.secret"] = new("Secret for the signatures (shown this once):", "签名密钥（只显示这一次）："),
        ["webhooks.ping"] = new("Send a trial", "发送测试"),
        ["webhooks.on"] = new("Switch on", "启用"),
        ["webhooks.off"] = new("Switch off", "停用"),
        ["webhooks.delete"] = new("Delete", "删除"),
        ["webhooks.look"] = new("Look again", "刷新"),
        ["registry"] = new("Registry", "登记导入"),
        ["registry.why"] = new(
            "Upload CSV or XLSX (Annex 1). It is tried first: every error is listed, nothing is written.",
            "上传 CSV 或 XLSX（附件1）。先试导入：列出全部错误，不写入任何内容。"
        ),
        ["registry.file"] = new("File", "文件"),
        ["registry.would"] = new("Can be imported: ", "可以导入："),
        ["registry.import"] = new("Import", "导入"),
        ["registry.done"] = new("Imported: ", "已导入："),
        ["registry.line"] = new("Line", "行"),
        ["registry.column"] = new("Column", "列"),
        ["registry.problem"] = new("Problem", "问题"),
        ["registry.replace"] = new(
            "Remove contacts, household members and devices that the file no longer names",
            "移除文件中不再出现的联系人、家庭成员和设备"
        ),
        ["registry.ids"] = new("Make ids of identity numbers for rows without an id", "没有编号的行，由身份证号生成编号"),
        ["registry.changes"] = new("What changes", "变更内容"),
        ["registry.more"] = new("Further ones that are not listed: ", "其余未列出："),
        ["registry.kept"] = new("Kept as it is, whatever the file says", "保持不变，不按文件更改"),
        ["registry.left"] = new(
            "rows changed meanwhile and were left out; all others were written",
            "行在此期间已被他人更改，未写入；其余均已写入"
        ),
        ["registry.template"] = new("Empty file with the headings of Annex 1", "下载空白模板（附件1 各栏）"),
        ["registry.upload"] = new("Uploading", "正在上传"),
        ["registry.checking"] = new("Checking; nothing is written yet", "正在检查，尚未写入任何内容"),
        ["registry.writing"] = new("Writing; this goes on when the page is closed", "正在写入，关闭本页不影响"),
        ["registry.taking-back"] = new("Cancelled; what was written is taken back", "已取消，正在撤销已写入的内容"),
        ["registry.rows"] = new("rows", "行"),
        ["registry.rate"] = new("rows/s", "行/秒"),
        ["registry.remaining"] = new("left ", "剩余 "),
        ["registry.cancel"] = new("Cancel", "取消"),
        ["registry.cancelled"] = new("Cancelled; nothing was written.", "已取消，未写入任何内容。"),
        ["registry.failed"] = new(
            "It ended with an error of the service. What was already being written is finished by itself; look again in a minute.",
            "服务出错，导入中断。已开始写入的部分会自动续完，请一分钟后再看。"
        ),
        ["registry.again"] = new("Check again", "重新检查"),
        ["registry.all"] = new("All problems as a file", "下载全部问题"),
        ["registry.first"] = new("The first of them: ", "以下为前几个："),
        ["registry.problems"] = new("problems; nothing was written", "个问题，未写入任何内容"),
    };
}
