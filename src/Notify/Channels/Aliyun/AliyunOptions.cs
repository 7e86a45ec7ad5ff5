using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Aliyun;

/// <summary>A template that Alibaba Cloud has approved, and what goes into its variables.</summary>
public sealed class AliyunTemplate
{
    /// <summary>SMS_123456789 or TTS_123456789.</summary>
    public string Code { get; set; } = "";

    /// <summary>
    /// Variables, comma-separated, each <c>variable=value</c> or only the value's name where both are the same: name (王*), family (王),
    /// what, time, token1, token2. The two halves of the link's last part go into two variables, because one takes 35 characters and no
    /// address; the address before them stands in the template.
    /// </summary>
    public string Params { get; set; } = "";

    /// <summary>No two messages of this template are the same, since each link is.</summary>
    internal bool Unique => Params.Contains("token1", StringComparison.Ordinal);

    internal static readonly string[] Values = ["name", "family", "what", "time", "token1", "token2"];

    internal IEnumerable<(string Variable, string Value)> Variables =>
        Params
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(p => p.Split('=', 2, StringSplitOptions.TrimEntries))
            .Select(p => (p[0], p[^1]));
}

/// <summary>Calls: the number shown, and what is said and asked.</summary>
public sealed class AliyunCalls
{
    /// <summary>A number of ours that Alibaba Cloud has approved; empty for the public pool, which takes no keys.</summary>
    public string Number { get; set; } = "";

    /// <summary>Asks for a key (IvrCall); false: only speaks (SingleCallByTts).</summary>
    public bool Keys { get; set; } = true;

    /// <summary>What is said after 1 (I take it), 2 (I can't), and at the end. Templates without variables.</summary>
    public string Taken { get; set; } = "";
    public string Declined { get; set; } = "";
    public string Bye { get; set; } = "";

    /// <summary>How often it is said.</summary>
    [Range(1, 3)]
    public int PlayTimes { get; set; } = 2;

    /// <summary>By name of the message: opened, repeated, late.</summary>
    public Dictionary<string, AliyunTemplate> Templates { get; set; } = [];
}

/// <summary>The section <c>Aliyun</c>: SMS (Dysmsapi) and calls (Dyvmsapi) in mainland China, API version 2017-05-25.</summary>
public sealed class AliyunOptions
{
    public const string Section = "Aliyun";

    private static readonly string[] Messages = Named(
        MessageKind.Opened,
        MessageKind.Repeated,
        MessageKind.Cleared,
        MessageKind.Back,
        MessageKind.Late,
        MessageKind.Digest
    );

    /// <summary>A county that tests no numbers needs no template for it.</summary>
    private static readonly string Optional = MessageKind.Reach.Word();
    private static readonly string[] Spoken = Named(MessageKind.Opened, MessageKind.Repeated, MessageKind.Late);

    [HttpsOrLoopback]
    public string SmsUrl { get; set; } = "https://dysmsapi.aliyuncs.com";

    [HttpsOrLoopback]
    public string VoiceUrl { get; set; } = "https://dyvmsapi.aliyuncs.com";

    public string AccessKeyId { get; set; } = "";
    public string AccessKeySecret { get; set; } = "";

    /// <summary>短信签名, such as 守望.</summary>
    public string SignName { get; set; } = "";

    /// <summary>By name of the message: opened, repeated, cleared, back, late, digest.</summary>
    public Dictionary<string, AliyunTemplate> Templates { get; set; } = [];

    public AliyunCalls Calls { get; set; } = new();

    /// <summary>
    /// Alibaba Cloud doesn't sign its callbacks: the address they are sent to, <c>/hooks/aliyun/{HookSecret}/sms</c> and <c>…/voice</c>, is
    /// the proof. 24 characters at least; no log holds it.
    /// </summary>
    public string HookSecret { get; set; } = "";

    internal static ProviderKind Kind { get; } =
        new(
            "aliyun",
            Section,
            SettingsSection.Names<AliyunOptions>(Section),
            Check,
            (services, configuration) =>
            {
                var options = SettingsSection.Read<AliyunOptions>(configuration, Section, []);
                services.AddSingleton(options);
                services.AddChannelHttp("aliyun", new Uri(options.SmsUrl));
                services
                    .AddSingleton<AliyunChannel>()
                    .AddSingleton<IChannel>(s => s.GetRequiredService<AliyunChannel>())
                    .AddSingleton<AliyunHooks>();
            }
        );

    private static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var problems = new List<Problem>();
        var options = SettingsSection.Read<AliyunOptions>(configuration, Section, problems);
        foreach (var problem in problems)
            yield return problem;
        if (options.AccessKeyId.Length == 0)
            yield return new Problem("Aliyun:AccessKeyId", 0, "", "", "is empty");
        if (options.AccessKeySecret.Length == 0)
            yield return new Problem("Aliyun:AccessKeySecret", 0, "", "", "is empty: every request is refused without it");
        if (options.SignName.Length == 0)
            yield return new Problem("Aliyun:SignName", 0, "", "", "is empty: a message needs an approved signature such as 守望");
        if (options.HookSecret.Length < 24 || !options.HookSecret.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            yield return new Problem(
                "Aliyun:HookSecret",
                0,
                "",
                "",
                "is not 24 or more letters and digits: it is part of the address of receipts, and their only proof"
            );
        foreach (var name in Messages)
        foreach (var problem in CheckTemplate($"Aliyun:Templates:{name}", options.Templates.GetValueOrDefault(name), "SMS_"))
            yield return problem;
        if (options.Templates.TryGetValue(Optional, out var reach))
            foreach (var problem in CheckTemplate($"Aliyun:Templates:{Optional}", reach, "SMS_"))
                yield return problem;
        foreach (var name in options.Templates.Keys.Except([.. Messages, Optional]))
            yield return new Problem($"Aliyun:Templates:{name}", 0, "", name, "is not one of " + string.Join(", ", Messages));
        var calls = options.Calls;
        if (calls.Templates.Count == 0)
            yield break; // messages alone
        foreach (var name in Spoken)
        foreach (var problem in CheckTemplate($"Aliyun:Calls:Templates:{name}", calls.Templates.GetValueOrDefault(name), "TTS_"))
            yield return problem;
        if (calls.Templates.TryGetValue(Optional, out var call))
            foreach (var problem in CheckTemplate($"Aliyun:Calls:Templates:{Optional}", call, "TTS_"))
                yield return problem;
        if (!calls.Keys)
            yield break;
        if (calls.Number.Length == 0)
            yield return new Problem(
                "Aliyun:Calls:Number",
                0,
                "",
                "",
                "is empty: calls that ask for a key need a number of ours (or Aliyun:Calls:Keys=false)"
            );
        foreach (var (key, code) in new[] { ("Taken", calls.Taken), ("Declined", calls.Declined), ("Bye", calls.Bye) })
            if (!code.StartsWith("TTS_", StringComparison.Ordinal))
                yield return new Problem($"Aliyun:Calls:{key}", 0, "", code, "is not the code of a voice template such as TTS_123456789");
    }

    private static string[] Named(params MessageKind[] kinds) => [.. kinds.Select(k => k.Word())];

    private static IEnumerable<Problem> CheckTemplate(string key, AliyunTemplate? template, string prefix)
    {
        if (template is null || !template.Code.StartsWith(prefix, StringComparison.Ordinal))
        {
            yield return new Problem(
                key + ":Code",
                0,
                "",
                template?.Code ?? "",
                $"is not the code of an approved template such as {prefix}123456789"
            );
            yield break;
        }

        foreach (var (_, value) in template.Variables)
            if (!AliyunTemplate.Values.Contains(value))
                yield return new Problem(key + ":Params", 0, "", value, "is not one of " + string.Join(", ", AliyunTemplate.Values));
    }
}
