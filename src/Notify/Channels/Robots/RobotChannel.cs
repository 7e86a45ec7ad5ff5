using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Robots;

/// <summary>
/// A robot in a group of staff. The registry names it (<c>dingtalk:baiyun</c>); its token and secret stand in the settings.
/// </summary>
public sealed class Robot
{
    /// <summary>access_token of DingTalk, key of WeCom.</summary>
    public string Token { get; set; } = "";

    /// <summary>DingTalk's 加签 secret, SEC…; unused with WeCom.</summary>
    public string Secret { get; set; } = "";
}

/// <summary>The sections <c>DingTalk</c> and <c>WeCom</c>: <c>BaseUrl</c> and <c>Robots:{name}</c>.</summary>
/// <param name="Service">Which of the two.</param>
public sealed record RobotService(RobotKind Service, string BaseUrl, IReadOnlyDictionary<string, Robot> Robots)
{
    internal static ProviderKind DingTalk { get; } = KindOf(RobotKind.DingTalk, "dingtalk", "DingTalk", "https://oapi.dingtalk.com");
    internal static ProviderKind WeCom { get; } = KindOf(RobotKind.WeCom, "wecom", "WeCom", "https://qyapi.weixin.qq.com");

    private static ProviderKind KindOf(RobotKind kind, string provider, string section, string address) =>
        new(
            provider,
            section,
            [$"{section}:BaseUrl", .. SettingsSection.Names<Robot>($"{section}:Robots:*")],
            configuration => Check(kind, section, address, configuration),
            (services, configuration) =>
            {
                var service = new RobotService(
                    kind,
                    configuration[$"{section}:BaseUrl"] ?? address,
                    configuration.GetSection($"{section}:Robots").Get<Dictionary<string, Robot>>() ?? []
                );
                services.AddChannelHttp(provider, new Uri(service.BaseUrl.TrimEnd('/') + "/"));
                services.AddSingleton<IChannel>(s => new RobotChannel(provider, service, s));
            }
        );

    private static IEnumerable<Problem> Check(RobotKind kind, string section, string address, IConfiguration configuration)
    {
        var text = configuration[$"{section}:BaseUrl"] ?? address;
        if (
            !Uri.TryCreate(text, UriKind.Absolute, out var url) || (url.Scheme != "https" && !(url is { Scheme: "http", IsLoopback: true }))
        )
            yield return new Problem($"{section}:BaseUrl", 0, "", text, "is not an https address (http on loopback alone)");
        var robots = configuration.GetSection($"{section}:Robots").GetChildren().ToList();
        if (robots.Count == 0)
            yield return new Problem($"{section}:Robots", 0, "", "", "names no robot");
        foreach (var robot in robots)
        {
            if (string.IsNullOrEmpty(robot["Token"]))
                yield return new Problem(
                    $"{section}:Robots:{robot.Key}:Token",
                    0,
                    "",
                    "",
                    "is empty: it is the last part of the robot's web address"
                );
            if (kind == RobotKind.DingTalk && robot["Secret"]?.StartsWith("SEC", StringComparison.Ordinal) != true)
                yield return new Problem(
                    $"{section}:Robots:{robot.Key}:Secret",
                    0,
                    "",
                    "",
                    "does not begin with SEC: DingTalk shows it where a robot's security is set to 加签"
                );
        }
    }
}

public enum RobotKind
{
    DingTalk,
    WeCom,
}

/// <summary>
/// The group robots that staff use: DingTalk (open.dingtalk.com, 自定义机器人, address signed with time and HMAC-SHA256) and WeCom
/// (developer.work.weixin.qq.com, path 91770). Both take 20 messages a minute from a robot, and DingTalk blocks one that sends more for ten
/// minutes: so the 21st waits.
/// </summary>
public sealed class RobotChannel : IChannel
{
    private const int MostInAMinute = 20;

    private readonly RobotService service;
    private readonly IServiceProvider services;
    private readonly TimeProvider clock;
    private readonly ChannelHealth health;
    private readonly Dictionary<string, Queue<long>> sent = [];

    public RobotChannel(string provider, RobotService service, IServiceProvider services)
    {
        (Provider, this.service, this.services) = (provider, service, services);
        clock = services.GetKeyedService<TimeProvider>(ChannelHttp.Clock) ?? TimeProvider.System;
        health = services.ChannelHealth(provider);
    }

    public string Provider { get; }

    public ChannelHealth? Health => health;

    public bool Carries(Channel channel) => channel == Channel.Webhook;

    public bool CarriesTo(Channel channel, string address) =>
        channel == Channel.Webhook && address.StartsWith(Provider + ":", StringComparison.OrdinalIgnoreCase);

    public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        var name = notice.Address[(notice.Address.IndexOf(':', StringComparison.Ordinal) + 1)..];
        if (service.Robots.FirstOrDefault(r => r.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value is not { } robot)
            return new ChannelResult(ChannelOutcome.GiveUp, new Wording($"the settings know no robot {name}", $"设置中没有机器人“{name}”"));
        if (!MaySend(name))
            return new ChannelResult(
                ChannelOutcome.Busy,
                new Wording($"{MostInAMinute} messages a minute went to this robot", $"该机器人一分钟内已发送 {MostInAMinute} 条")
            );
        using var request = new HttpRequestMessage(HttpMethod.Post, Address(robot)) { Content = JsonContent.Create(Body(notice)) };
        var (answer, trouble) = await services.ChannelClient(Provider).TrySendAsync(request, health, notice.Critical, cancellation);
        if (answer is null)
            return trouble!;
        using (answer)
        {
            var code = await CodeAsync(answer, cancellation);
            if (code == 0)
                health.Up();
            return code switch
            {
                0 => new ChannelResult(ChannelOutcome.Delivered, new Wording("it is in the group", "已发到群里")),
                // Too fast; the service itself is busy.
                130101 or 45009 or -1 => new ChannelResult(
                    ChannelOutcome.TryAgain,
                    new Wording($"{Provider} can't take it now ({code})", $"{Provider} 暂时无法受理（{code}）")
                ),
                null => (int)answer.StatusCode >= 500
                    ? new ChannelResult(
                        ChannelOutcome.TryAgain,
                        new Wording($"{Provider} fails ({(int)answer.StatusCode})", $"{Provider} 出错（{(int)answer.StatusCode}）")
                    )
                    : new ChannelResult(
                        ChannelOutcome.GiveUp,
                        new Wording($"{Provider} refuses it ({(int)answer.StatusCode})", $"{Provider} 拒绝（{(int)answer.StatusCode}）")
                    ),
                // 310000: sign, keyword or address not as the robot's security wants it; 300001, 93000: no such robot. The fault of this
                // robot alone; the provider works.
                _ => new ChannelResult(
                    ChannelOutcome.GiveUp,
                    new Wording($"{Provider} refuses this robot ({code})", $"{Provider} 拒绝该机器人（{code}）")
                ),
            };
        }
    }

    /// <summary>A robot can't be asked. So a message whose outcome is unknown is sent again: twice is better than never.</summary>
    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) => Task.FromResult<ChannelResult?>(null);

    /// <summary>DingTalk: base64 of HMAC-SHA256 over "timestamp\nsecret" with the secret as key, the time in milliseconds.</summary>
    public static string Sign(long timestamp, string secret) =>
        Convert.ToBase64String(
            HMACSHA256.HashData(
                Encoding.UTF8.GetBytes(secret),
                Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{timestamp}\n{secret}"))
            )
        );

    private string Address(Robot robot)
    {
        if (service.Service == RobotKind.WeCom)
            return $"cgi-bin/webhook/send?key={Uri.EscapeDataString(robot.Token)}";
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"robot/send?access_token={Uri.EscapeDataString(robot.Token)}&timestamp={now}"
                + $"&sign={Uri.EscapeDataString(Sign(now, robot.Secret))}"
        );
    }

    /// <summary>A critical message mentions everybody in the group (@all), which WeCom only does in plain text.</summary>
    private object Body(OutgoingNotice notice) =>
        service.Service switch
        {
            RobotKind.DingTalk => new
            {
                msgtype = "markdown",
                markdown = new
                {
                    title = notice.Values.GetValueOrDefault("what") ?? "",
                    text = Linked(notice) + (notice.Critical ? " @all" : ""),
                },
                at = new { isAtAll = notice.Critical },
            },
            _ when notice.Critical => new { msgtype = "text", text = new { content = notice.Text, mentioned_list = new[] { "@all" } } },
            _ => new { msgtype = "markdown", markdown = new { content = Linked(notice) } },
        };

    private static string Linked(OutgoingNotice notice) =>
        notice.Link.Length == 0
            ? notice.Text
            : notice.Text.Replace(notice.Link, $"[{(notice.Language == "en" ? "open" : "打开")}]({notice.Link})", StringComparison.Ordinal);

    /// <summary>True, and counted as sent, when the robot has sent fewer than twenty messages in the last minute.</summary>
    private bool MaySend(string robot)
    {
        lock (sent)
        {
            if (!sent.TryGetValue(robot, out var times))
                sent[robot] = times = [];
            while (times.TryPeek(out var first) && clock.GetElapsedTime(first) >= TimeSpan.FromMinutes(1))
                times.Dequeue();
            if (times.Count >= MostInAMinute)
                return false;
            times.Enqueue(clock.GetTimestamp());
            return true;
        }
    }

    private static async Task<int?> CodeAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            using var json = await JsonDocument.ParseAsync(
                await answer.Content.ReadAsStreamAsync(cancellation),
                cancellationToken: cancellation
            );
            return json.RootElement.TryGetProperty("errcode", out var code) && code.TryGetInt32(out var number) ? number : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
