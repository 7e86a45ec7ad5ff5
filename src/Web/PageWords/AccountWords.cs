using Vigil.Model;

namespace Vigil.Web.PageWords;

/// <summary>Signing in, accounts and roles.</summary>
internal static class AccountWords
{
    public static readonly Dictionary<string, Wording> All = new()
    {
        ["signin"] = new("Sign in", "登录"),
        ["signin.elsewhere"] = new("Sign in with your organisation's account", "用单位账号登录"),
        ["signout"] = new("Sign out", "退出登录"),
        ["account"] = new("My account", "我的账号"),
        ["account.name"] = new("User name", "用户名"),
        ["account.password"] = new("Password", "密码"),
        ["account.old-password"] = new("Present password", "原密码"),
        ["account.new-password"] = new("New password (12 characters at least)", "新密码（至少12个字符）"),
        ["account.again"] = new("Once more", "再次输入"),
        ["account.code"] = new("Code of the authenticator", "动态验证码"),
        ["account.code-if"] = new("Code of the authenticator (where it is set up)", "动态验证码（如已启用）"),
        ["account.code-wrong"] = new("That code is wrong, or was used already.", "验证码不对，或已用过。"),
        ["account.wrong"] = new("Name or password are wrong, or the account is disabled.", "用户名或密码不对，或账号已停用。"),
        ["account.too-late"] = new("That took too long: please sign in again.", "等待过久，请重新登录。"),
        ["account.wait"] = new("Too many failures: wait a little and try again.", "失败次数过多，请稍候再试。"),
        ["account.first"] = new("The first administrator", "创建第一位管理员"),
        ["account.create"] = new("Create and sign in", "创建并登录"),
        ["account.set-password"] = new("Set a password", "设置密码"),
        ["account.change-password"] = new("Change the password", "修改密码"),
        ["account.second-factor"] = new("Second factor", "第二重验证"),
        ["account.second-factor-needed"] = new(
            "Administrators need one. Enter this key in an authenticator app, then the 6 digits that it shows:",
            "管理员必须启用。请在验证器应用中输入此密钥，再填写它显示的6位验证码："
        ),
        ["account.second-factor-how"] = new(
            "Enter this key in an authenticator app, then the 6 digits that it shows:",
            "请在验证器应用中输入此密钥，再填写它显示的6位验证码："
        ),
        ["account.second-factor-open"] = new("Open in the authenticator on this device", "在本机的验证器中打开"),
        ["account.second-factor-on"] = new("The second factor is on.", "第二重验证已启用。"),
        ["account.recovery"] = new("Recovery codes", "恢复码"),
        ["account.recovery-how"] = new(
            "Write them down and keep them. Each stands in once for a code when the authenticator is lost. They are not shown again.",
            "请抄下并妥善保管。验证器丢失时，每个可代替一次验证码。此页不再显示。"
        ),
        ["account.kept"] = new("I have kept them", "已保存好"),
        ["account.back"] = new("Back", "返回"),
        ["role.administrator"] = new("administrator", "管理员"),
        ["role.supervisor"] = new("supervisor", "主管"),
        ["role.duty"] = new("duty officer", "值班员"),
        ["role.visitor"] = new("visitor", "探访员"),
        ["role.read-only"] = new("read only", "只读"),
        ["users"] = new("Accounts", "账号"),
        ["users.person"] = new("Person", "姓名"),
        ["users.role"] = new("Role", "角色"),
        ["users.last"] = new("Last sign-in", "上次登录"),
        ["users.add"] = new("Add an account", "新增账号"),
        ["users.reset"] = new("Password link", "密码链接"),
        ["users.enable"] = new("Enable", "启用"),
        ["users.disable"] = new("Disable", "停用"),
        ["users.link"] = new("Hand this link to that person alone; good once, for a day:", "请将此链接交给本人，一天内有效，用一次："),
        ["users.outside"] = new("That area lies outside yours.", "该区域不在您的管理范围内。"),
        ["signin.no"] = new("Your account does not reach this page, or the sign-in has run out.", "您的账号不能查看此页，或登录已过期。"),
        ["signin.refused"] = new("You were not let in.", "登录未通过。"),
        ["signin.no-role"] = new("Your organisation's account has no role here", "单位账号没有可用的角色"),
    };
}
