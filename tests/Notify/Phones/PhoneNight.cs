using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Web.Hooks;

namespace Vigil.Tests.Notify.Phones;

/// <summary>
/// A scenario in which notices go through the real channels over HTTP to the fake phone network, and its signed callbacks to the real
/// hooks.
/// </summary>
public sealed class PhoneNight : Night
{
    public const string Sid = "AC0123456789abcdef0123456789abcdef";
    public const string Token = "the-current-token";
    public const string PreviousToken = "the-token-before";

    /// <summary>Tells one person at a time, so that the order is easy to read.</summary>
    private const string OneByOne = """
        policies:
          - id: all
            seenWellBy: 4h
            renotifyAfter: 2h
            steps:
              - { to: contact 1, via: [VIA], wait: 5m, repeat: TIMES }
              - { to: contact 2, via: [VIA], wait: 5m }
              - { to: visitor, via: [sms], wait: 5m }
              - { to: supervisor, via: [sms], wait: 1h }
        """;

    private readonly Dictionary<string, string?> settings;
    private readonly WebApplication hooks;
    private ServiceProvider services = null!;
    private DateTime nextLook;

    private PhoneNight(IDbContextFactory<RecordsDb> records, Policies policies, Dictionary<string, string?> settings)
        : base(records, policies, settings.ContainsKey("Aliyun:AccessKeyId") ? null : PhonesInHongKong)
    {
        this.settings = settings;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        hooks = builder.Build();
        hooks.Use(
            (http, next) =>
            {
                http.RequestServices = services;
                return next(http);
            }
        );
        hooks.MapTwilioHooks();
        hooks.MapAliyunHooks();
    }

    public PhoneNetwork Network { get; private set; } = null!;

    public string HooksUrl { get; private set; } = "";

    /// <summary>Asks the provider about notices without a receipt, as the service does every ten seconds.</summary>
    public bool WatchesReceipts { get; set; }

    public IServiceProvider Services => services;

    /// <summary>Timeouts by the wall clock; they take effect at the next restart.</summary>
    public ChannelTimeouts Timeouts { get; set; } = new();

    /// <summary>Shortens the timeouts, so that a provider that hangs is soon given up.</summary>
    public void Impatient()
    {
        Timeouts = new ChannelTimeouts(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
        Restart();
    }

    /// <summary>Who was called or written to, in order, such as "call contact 1".</summary>
    public IReadOnlyList<string> Told => [.. Network.Taken.Select(t => $"{t.Kind} {NameOf(t.Number)}")];

    /// <param name="via">Channels of the contacts' steps.</param>
    public static async Task<PhoneNight> BeginAsync(
        string? postgres,
        string via = "voice, sms",
        Dictionary<string, string?>? settings = null,
        int repeat = 1
    )
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("vigil-policies-").FullName, "policies.yaml");
        await File.WriteAllTextAsync(
            file,
            OneByOne.Replace("VIA", via, StringComparison.Ordinal).Replace("TIMES", $"{repeat}", StringComparison.Ordinal)
        );
        List<Problem> problems = [];
        var policies = Vigil.Notify.Escalation.Policies.Load(file, problems);
        Assert.Empty(problems);
        var night = new PhoneNight(await RecordsAsync(postgres), policies!, settings ?? []);
        await night.hooks.StartAsync();
        night.HooksUrl = night.hooks.Urls.First();
        night.Network = await PhoneNetwork.StartAsync(
            new TwilioAccount(Sid, Token, "+85230000000", night.HooksUrl),
            night.Clock,
            manual: true
        );
        night.Restart();
        await SettleInAsync(night);
        return night;
    }

    public void Is(string number, Vigil.Phones.Person person) => Network.People[number] = person;

    public override void Restart()
    {
        services?.Dispose();
        var all = new Dictionary<string, string?>
        {
            ["Notify:Routes:default"] = "twilio",
            ["Notify:Routes:mail"] = "outbox",
            ["Twilio:BaseUrl"] = Network.Url,
            ["Twilio:AccountSid"] = Sid,
            ["Twilio:AuthToken"] = Token,
            ["Twilio:PreviousAuthToken"] = PreviousToken,
            ["Twilio:From"] = "+85230000000",
            ["Http:PublicUrl"] = HooksUrl,
        };
        if (settings.ContainsKey("Aliyun:AccessKeyId"))
            (all["Aliyun:SmsUrl"], all["Aliyun:VoiceUrl"]) = (Network.Url, Network.Url);
        foreach (var (key, value) in settings)
            all[key] = value;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(all).Build();
        Assert.Empty(NotifyServices.Check(configuration));
        services = new ServiceCollection()
            .AddLogging(l => l.ClearProviders())
            .AddSingleton<TimeProvider>(Clock)
            .AddKeyedSingleton<TimeProvider>(ChannelHttp.Clock, Clock)
            .AddSingleton(Timeouts)
            .AddSingleton(new Meter("phone-night"))
            .AddSingleton(Records)
            .AddNotify(configuration, Policies, Messages, Folder)
            .BuildServiceProvider();
        Links = services.GetRequiredService<SignedLinks>();
        Desk = services.GetRequiredService<AlarmDesk>();
        Dispatcher = services.GetRequiredService<Dispatcher>();
        Receipts = services.GetRequiredService<ProviderReceipts>();
        Escalator = services.GetRequiredService<Escalator>();
        Answers = services.GetRequiredService<Answers>();
        services.GetRequiredService<CallsUnderWay>();
    }

    public override async ValueTask DisposeAsync()
    {
        await Network.DisposeAsync();
        await hooks.DisposeAsync();
        await base.DisposeAsync();
        await services.DisposeAsync();
    }

    public async Task<List<Notice>> NoticesAsync()
    {
        await using var db = await Records.CreateDbContextAsync();
        return await db.Notices.AsNoTracking().OrderBy(n => n.CreatedAt).ThenBy(n => n.Id).ToListAsync();
    }

    public string NameOf(string number) =>
        number == Contact1 ? "contact 1"
        : number == Contact2 ? "contact 2"
        : number == Visitor ? "visitor"
        : number == Duty ? "duty"
        : number == Supervisor ? "supervisor"
        : number;

    protected override async Task<int> ElseAsync()
    {
        var done = await Network.RunDueAsync() + await services.GetRequiredService<CallsUnderWay>().EndAsync(default);
        var now = Clock.GetUtcNow().UtcDateTime;
        if (!WatchesReceipts || now < nextLook)
            return done;
        nextLook = now.AddSeconds(10);
        return done + await services.GetRequiredService<ReceiptWatch>().LookAsync(default);
    }

    protected override DateTime? NextElse => new[] { Network.NextAt?.UtcDateTime, WatchesReceipts ? nextLook : null }.Min();
}
