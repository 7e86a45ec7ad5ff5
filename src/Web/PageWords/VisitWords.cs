using Vigil.Model;

namespace Vigil.Web.PageWords;

/// <summary>Visits, their record (Annex 2), a visitor's day, and the page of a contact.</summary>
internal static class VisitWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["contact.take"] = new("I take it", "我来处理"),
        ["contact.cannot"] = new("I can't", "我无法处理"),
        ["contact.taken"] = new("You have taken it. Thank you.", "已由您处理，谢谢。"),
        ["contact.noted"] = new("Noted; the next person is told.", "已记录，将通知下一位。"),
        ["contact.expired"] = new("This link is not valid or has expired.", "链接无效或已过期。"),
        ["contact.unclear"] = new("Please go back and choose one of the buttons.", "请返回并选择一个按钮。"),
        ["contact.anew"] = new(
            "It has happened again since you were told. Please answer for what stands now.",
            "您上次查看后又发生了，请按现在的情况确认。"
        ),
        ["contact.again"] = new("Happened {0} more times; last told at {1}", "之后又发生 {0} 次，最近一次通知：{1}"),
        ["contact.over"] = new("Somebody has already answered for this alarm.", "此警情已由他人处理。"),
        ["visits"] = new("Visits", "探访"),
        ["my-day"] = new("My day", "我的一天"),
        ["my-day.choose"] = new("Whose day?", "请选择探访人："),
        ["my-day.who"] = new(
            "An account named as the visitor's number shows its own day at once.",
            "账号与探访人编号相同时自动显示本人的安排。"
        ),
        ["my-day.way"] = new("Way there", "导航"),
        ["my-day.changes"] = new("Slow changes, this week", "本周发现的缓慢变化"),
        ["my-day.done"] = new("Done today", "今日已完成"),
        ["visit.record"] = new("Record a visit", "填写探访记录"),
        ["visit.form"] = new("Form", "探访方式"),
        ["visit.condition"] = new("Condition", "探访情况"),
        ["visit.household"] = new("Household", "人口变化"),
        ["visit.speech"] = new("Speech", "表达能力"),
        ["visit.mobility"] = new("Mobility", "行动能力"),
        ["visit.illness"] = new("Illness", "疾病状况"),
        ["visit.mood"] = new("Mood", "情绪状态"),
        ["visit.gas-safety"] = new("Gas safety", "燃气安全"),
        ["visit.water-safety"] = new("Water and heating safety", "水暖安全"),
        ["visit.electric-safety"] = new("Electric safety", "用电安全"),
        ["visit.hygiene"] = new("Personal hygiene", "个人卫生"),
        ["visit.home-hygiene"] = new("Home hygiene", "家庭卫生"),
        ["visit.room"] = new("Rooms", "室内环境"),
        ["visit.needs"] = new("Needs", "老年人服务需求"),
        ["visit.actions"] = new("Suggested care", "实施关爱服务建议"),
        ["visit.satisfaction"] = new("How satisfied the person is", "老年人服务满意度评价"),
        ["visit.resolves"] = new("Outcome of the alarm", "警情办结类别"),
        ["visit.resolves-not"] = new("not resolved yet", "暂不办结"),
        ["visit.waiting"] = new(
            "No connection: the record is kept on this phone and is sent when there is one.",
            "网络不通：记录已存在本机，恢复后自动上传。"
        ),
        ["visit.refused"] = new("Refused:", "未被接受："),
        ["visit.sign-in"] = new("Please sign in again; the record is kept on this phone.", "请重新登录；记录仍存在本机。"),
        ["visit.asked"] = new("Visits asked for today", "今日应探访"),
        ["visit.asked-none"] = new("Nobody is to be visited today.", "今天没有应探访的服务对象。"),
        ["visit.cause.alarm"] = new("an alarm", "警情"),
        ["visit.cause.watch"] = new("heightened watch", "重点关注（恶劣天气、节日）"),
        ["visit.cause.disabled"] = new("disabled: at home each month", "失能老年人每月上门"),
        ["visit.cause.key"] = new("key resident", "重点对象"),
        ["visit.cause.monthly"] = new("monthly visit", "每月探访"),
        ["visit.cause"] = new("Cause", "事由"),
        ["visit.due"] = new("By", "期限"),
        ["visit.last"] = new("Last visit", "上次探访"),
        ["visit.late"] = new("late", "已逾期"),
        ["visit.print"] = new("Print", "打印"),
        ["visit.days"] = new("Next {0} days", "未来 {0} 天"),
        ["visit.mine"] = new("Visitor's number", "探访人编号"),
        ["visit.by-visit"] = new("By a visit", "以探访办结"),
        ["visit.by-none"] = new("without a visit", "未探访"),
        ["visit.signatures"] = new(
            "Visitor (signature)\u2003\u2003\u2003\u2003Person visited (signature)\u2003\u2003\u2003\u2003Recorded by: ",
            "探访人员（签字）　　　　　　被探访人（签字）　　　　　　信息录入人："
        ),
        ["visit.nth"] = new("Visit no. {0}", "第 {0} 次开展探访"),
        ["visit.title"] = new("Visit record (Annex 2)", "广东省特殊困难老年人探访关爱服务记录表"),
        ["visit.save"] = new("Save record", "保存记录"),
        ["visit.saved"] = new("Saved.", "已保存。"),
        ["form.home"] = new("at home", "上门探访"),
        ["form.phone"] = new("by phone", "电话探访"),
        ["form.video"] = new("by video", "互联网音（视）频探访"),
        ["form.remote"] = new("remote monitoring", "远程监测"),
        ["choice.same"] = new("no change", "无变化"),
        ["choice.better"] = new("good", "较好"),
        ["choice.worse"] = new("poor", "较差"),
        ["choice.more"] = new("more", "增加"),
        ["choice.fewer"] = new("fewer", "减少"),
        ["choice.severe"] = new("severe", "严重"),
        ["choice.recovering"] = new("recovering", "转好"),
        ["choice.safe"] = new("safe", "安全"),
        ["choice.fairly-safe"] = new("fairly safe", "较安全"),
        ["choice.unsafe"] = new("unsafe", "不安全"),
        ["contact.today"] = new("Daily life today", "今天的日常生活"),
        ["contact.water"] = new("Water: {0} litres, first used {1}, last used {2}", "用水 {0} 升，首次 {1}，最近 {2}"),
        ["contact.electricity"] = new("Electricity: {0} kWh", "用电 {0} 千瓦时"),
    };
}
