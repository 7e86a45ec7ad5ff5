using System.Collections.Frozen;

namespace Vigil.Console;

/// <summary>The console's words in Chinese and English; a test walks every key.</summary>
public static class Texts
{
    /// <summary>Key → (Chinese, English).</summary>
    public static readonly FrozenDictionary<string, (string Zh, string En)> All = new Dictionary<string, (string, string)>
    {
        ["title"] = ("守望值班台", "Vigil duty board"),
        ["open"] = ("待处理警情", "Open alarms"),
        ["none"] = ("目前没有待处理的警情。", "No open alarms right now."),
        ["filter.all"] = ("全部", "All"),
        ["filter.open"] = ("未确认", "Not answered"),
        ["filter.acknowledged"] = ("已确认", "Answered"),
        ["filter.resolved"] = ("已办结", "Resolved"),
        ["acknowledge"] = ("确认", "Acknowledge"),
        ["resolve"] = ("办结", "Resolve"),
        ["inhand"] = ("已派人上门", "Visitor on the way"),
        ["note"] = ("备注", "Note"),
        ["back"] = ("返回值班台", "Back to the board"),
        ["timeline"] = ("处理记录", "Timeline"),
        ["steps"] = ("升级计划", "Escalation plan"),
        ["notices"] = ("已发通知", "Notices"),
        ["contacts"] = ("联系人", "People"),
        ["reason"] = ("原因", "Reason"),
        ["raised"] = ("发生", "Raised"),
        ["next"] = ("下一步", "Next"),
        ["told"] = ("已通知", "Told"),
        ["nobody"] = ("尚无", "nobody yet"),
        ["due"] = ("到期", "due"),
        ["by"] = ("处理人", "by"),
        ["state.open"] = ("未确认", "open"),
        ["state.acknowledged"] = ("已确认", "acknowledged"),
        ["state.in-hand"] = ("处理中", "in hand"),
        ["state.resolved"] = ("已办结", "resolved"),
        ["severity.3"] = ("紧急", "critical"),
        ["severity.2"] = ("高", "high"),
        ["severity.1"] = ("警告", "warning"),
        ["severity.0"] = ("技术", "technical"),
        ["resolution"] = ("办结类别", "Outcome"),
        ["resolution.True"] = ("属实：需要帮助", "True: help was needed"),
        ["resolution.FalseAway"] = ("误报：外出", "False: was away"),
        ["resolution.FalseHabit"] = ("误报：生活习惯", "False: a habit"),
        ["resolution.FalseDevice"] = ("误报：设备", "False: the device"),
        ["resolution.FalseMistake"] = ("误报：误触", "False: by mistake"),
        ["resolution.Test"] = ("测试", "Test"),
        ["resolution.Technical"] = ("技术原因", "Technical"),
        ["resolution.Cleared"] = ("自动解除", "Ended by itself"),
        ["stale"] = ("页面已断开，显示的不是最新情况！请刷新。", "This page is no longer live! Reload it."),
        ["limit"] = ("本系统不是医疗器械，不能代替120、119、110。", "Not a medical device; not a replacement for emergency services (120, 119, 110)."),
        ["contact.take"] = ("我来处理", "I take it"),
        ["contact.cannot"] = ("我无法处理", "I can't"),
        ["contact.taken"] = ("已由您处理，谢谢。", "You have taken it. Thank you."),
        ["contact.noted"] = ("已记录，将通知下一位。", "Noted; the next person is told."),
        ["contact.expired"] = ("链接无效或已过期。", "This link is not valid or has expired."),
        ["contact.over"] = ("此警情已由他人处理。", "Somebody has already answered for this alarm."),
        ["language"] = ("English", "中文"),
        ["key"] = ("按 A 确认选中的警情，↑↓ 选择，回车打开", "A acknowledges the selected alarm, ↑↓ select, Enter opens"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static string Of(string key, string language) => language == "en" ? All[key].En : All[key].Zh;
}
