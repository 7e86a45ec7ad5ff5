using Vigil.Model;
using Vigil.Registry.Protection;
using Vigil.Storage.Records;

namespace Vigil.Web.PageWords;

/// <summary>Which homes are protected now.</summary>
internal static class ProtectionWords
{
    public static readonly Dictionary<string, Wording> All = new Dictionary<string, Wording>
    {
        ["protection"] = new("Protected now", "受保护情况"),
        ["protection.number"] = new("Protected {0:N0} / {1:N0}", "受保护 {0:N0} / {1:N0}"),
        ["protection.why"] = new(
            "A home is protected when a device there can be heard and a contact can be told, right now.",
            "家中有设备在线、联系人能够通知到，即为受保护。"
        ),
        ["protection.at"] = new("as of {0}", "截至 {0}"),
        ["protection.waiting"] = new("Being worked out…", "正在统计…"),
        ["protection.unprotected"] = new("Not protected", "未受保护"),
        ["protection.weak"] = new("Weaknesses", "薄弱环节"),
        ["protection.weak.why"] = new("These alone leave a home protected.", "仅有以下不足时，仍算受保护。"),
        ["protection.lacks"] = new("What is missing", "缺少什么"),
        ["protection.class"] = new("Class", "类别"),
        ["protection.class.all"] = new("All classes", "全部类别"),
        ["protection.class.key"] = new("Key", "重点"),
        ["protection.class.general"] = new("General", "一般"),
        ["protection.show"] = new("Show", "查看"),
        ["protection.none"] = new("No home of these.", "没有符合条件的家庭。"),
        ["reach"] = new("Number check", "号码核验"),
        ["reach.why"] = new(
            "A text with a code and a link; if it isn't answered within a day, a call with a key to press. In the daytime alone, never "
                + "while an alarm of the home is open.",
            "先发送含代码和链接的短信，一天内未确认再拨打按键电话。只在白天进行，老人有未办结警情时不进行。"
        ),
        ["reach.ask"] = new("Check the numbers", "核验号码"),
        ["reach.ask-one"] = new("Check the number", "核验号码"),
        ["reach.ask-page"] = new("Check the numbers of this page", "核验本页联系人号码"),
        ["reach.asked-now"] = new("{0} numbers will be checked.", "将核验 {0} 个号码。"),
        ["reach.none"] = new("no number", "无号码"),
        ["reach.untried"] = new("not checked", "未核验"),
        ["reach.asked"] = new("asked", "核验中"),
        ["reach.verified"] = new("verified", "已核验"),
        ["reach.failed"] = new("not reached", "号码不通"),
        ["reach.unsent"] = new("could not be asked", "未能发送"),
        ["reach.asks"] = new(
            "You are registered as a contact of an older person. This is no alarm: please confirm that messages reach you.",
            "您登记为老人的联系人。这不是警情，请确认您能收到消息。"
        ),
        ["reach.confirm"] = new("I have received it", "确认收到"),
        ["reach.thanks"] = new("Thank you. Your number is verified.", "谢谢，号码已核验。"),
        ["page.before"] = new("Previous page", "上一页"),
        ["page.next"] = new("Next page", "下一页"),
        ["page.of"] = new("{0:N0}–{1:N0} of {2:N0}", "第 {0:N0}–{1:N0} 户，共 {2:N0} 户"),
    }
        .Concat(ProtectionGaps.All.Select(g => KeyValuePair.Create("gap." + g.Word(), g.Words())))
        .ToDictionary();
}
