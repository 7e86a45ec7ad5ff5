using Vigil.Model;

namespace Vigil.Web.PageWords;

/// <summary>What a resident agrees to.</summary>
internal static class ConsentWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["consents"] = new("Consent", "知情同意"),
        ["consents.purpose"] = new("Purpose", "用途"),
        ["consents.now"] = new("Now", "当前状态"),
        ["consents.visits"] = new("Visits", "探访关爱"),
        ["consents.monitoring"] = new("Remote monitoring", "远程监测"),
        ["consents.daily-life"] = new("Daily life shown to contacts", "向联系人共享日常生活信息"),
        ["consents.location"] = new("Location", "位置信息"),
        ["consents.health"] = new("Health readings", "健康数据"),
        ["consents.given"] = new("agreed", "已同意"),
        ["consents.refused"] = new("refused", "不同意"),
        ["consents.withdrawn"] = new("withdrawn", "已撤回"),
        ["consents.unrecorded"] = new("not written down", "未登记"),
        ["consents.unrecorded.on"] = new("done as it was set up", "按现有设置执行"),
        ["consents.unrecorded.off"] = new("not done", "未启用"),
        ["consents.resident"] = new("the resident", "本人"),
        ["consents.guardian"] = new("guardian", "监护人"),
        ["consents.family"] = new("family", "家属"),
        ["consents.unstated"] = new("registry file", "登记表导入"),
        ["consents.history"] = new("All decisions", "历次记录"),
        ["consents.none"] = new("No decision is written down yet.", "尚无记录。"),
        ["consents.record"] = new("Write a decision down", "登记新的决定"),
        ["consents.decision"] = new("Decision", "决定"),
        ["consents.by"] = new("Decided by", "决定人"),
        ["consents.name"] = new("Name", "决定人姓名"),
        ["consents.relation"] = new("Relation to the resident", "与老人关系"),
        ["consents.on"] = new("On", "日期"),
        ["consents.how"] = new("On which paper, or how", "书面凭证或方式"),
        ["consents.how.example"] = new("such as: signed form no. 12", "如：签字同意书第 12 号"),
        ["consents.save"] = new("Write down", "登记"),
        ["consents.saved"] = new("Written down; in force within two seconds.", "已登记，两秒内生效。"),
        ["consents.recorded-by"] = new("written down by {0}, {1}", "{1} 由 {0} 登记"),
        ["consents.ended"] = new("older data deleted {0}", "此前数据已于 {0} 删除"),
        ["consents.why"] = new(
            "Without remote monitoring nothing is watched: only presses, spoken calls, smoke and gas are told. Without location or health "
                + "their readings are neither stored nor shown. A position sent with a press is always used to find the person.",
            "不同意远程监测的，系统不再监测其生活情况，只处理按键呼叫、语音呼救、烟雾和燃气报警；不同意位置或健康数据的，相应数据不再保存和显示。按键呼叫时"
                + "随附的位置仅用于救助。"
        ),
        ["consents.stopped"] = new(
            "Remote monitoring is not agreed to: nothing of daily life is watched or shown.",
            "老人（或其监护人）不同意远程监测，不监测、不显示日常生活情况。"
        ),
    };
}
