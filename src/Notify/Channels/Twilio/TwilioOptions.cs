using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// The section <c>Twilio</c>. The tokens are secrets: they stand in the environment or a file of their own, and in no log.
/// </summary>
public sealed partial class TwilioOptions
{
    public const string Section = "Twilio";

    /// <summary>Where its REST API is; a region's, or the fake phone network's.</summary>
    [HttpsOrLoopback]
    public string BaseUrl { get; set; } = "https://api.twilio.com";

    /// <summary>AC and 32 hexadecimal digits.</summary>
    public string AccountSid { get; set; } = "";

    public string AuthToken { get; set; } = "";

    /// <summary>
    /// The token before the last change: callbacks signed with it are still taken, so that a token can be changed without losing one.
    /// </summary>
    public string PreviousAuthToken { get; set; } = "";

    /// <summary>Our number, E.164. Calls need one; messages may have <see cref="MessagingServiceSid"/> instead.</summary>
    public string From { get; set; } = "";

    /// <summary>MG and 32 hexadecimal digits; empty to send from <see cref="From"/>.</summary>
    public string MessagingServiceSid { get; set; } = "";

    /// <summary>
    /// Number prefixes, comma-separated, from which no reply comes back. SMS to mainland China is one-way (Twilio, "China: SMS
    /// guidelines"): whoever is told there answers with the link or a key.
    /// </summary>
    public string OneWay { get; set; } = "+86";

    /// <summary>
    /// How long a phone rings, 5–600 s. Under the wait of a critical step, so that "no answer" comes before the next person is called.
    /// </summary>
    [Range(5, 600)]
    public int RingSeconds { get; set; } = 30;

    /// <summary>
    /// How long an undelivered message is still worth delivering, 60–36000 s; then it fails (30036) and another way is tried.
    /// </summary>
    [Range(60, 36000)]
    public int ValiditySeconds { get; set; } = 3600;

    public TwilioVoices Voices { get; set; } = new();

    internal static ProviderKind Kind { get; } =
        new(
            "twilio",
            Section,
            SettingsSection.Names<TwilioOptions>(Section),
            Check,
            (services, configuration) =>
            {
                var options = SettingsSection.Read<TwilioOptions>(configuration, Section, []);
                services.AddSingleton(options);
                services.AddChannelHttp("twilio", new Uri(options.BaseUrl.TrimEnd('/') + "/"));
                services
                    .AddSingleton<TwilioChannel>()
                    .AddSingleton<IChannel>(s => s.GetRequiredService<TwilioChannel>())
                    .AddSingleton<TwilioHooks>();
            }
        );

    private static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var problems = new List<Problem>();
        var options = SettingsSection.Read<TwilioOptions>(configuration, Section, problems);
        foreach (var problem in problems)
            yield return problem;
        if (!Sid("AC").IsMatch(options.AccountSid))
            yield return new Problem("Twilio:AccountSid", 0, "", options.AccountSid, "is not AC and 32 hexadecimal digits");
        if (options.AuthToken.Length == 0)
            yield return new Problem(
                "Twilio:AuthToken",
                0,
                "",
                "",
                "is empty: requests are refused without it, and no callback can be trusted"
            );
        if (options.From.Length == 0 && options.MessagingServiceSid.Length == 0)
            yield return new Problem(
                "Twilio:From",
                0,
                "",
                "",
                "is empty: calls need a number of ours, messages that or Twilio:MessagingServiceSid"
            );
        if (options.From.Length > 0 && !Number().IsMatch(options.From))
            yield return new Problem("Twilio:From", 0, "", options.From, "is not a number such as +85230000000");
        if (options.MessagingServiceSid.Length > 0 && !Sid("MG").IsMatch(options.MessagingServiceSid))
            yield return new Problem(
                "Twilio:MessagingServiceSid",
                0,
                "",
                options.MessagingServiceSid,
                "is not MG and 32 hexadecimal digits"
            );
        var callbacks = configuration["Http:PublicUrl"] ?? "";
        if (
            !Uri.TryCreate(callbacks, UriKind.Absolute, out var back)
            || (back.Scheme != "https" && !(back is { Scheme: "http", IsLoopback: true }))
        )
            yield return new Problem(
                "Http:PublicUrl",
                0,
                "",
                callbacks,
                "is not the https address at which Twilio reaches this service: key presses and receipts come back there, and their "
                    + "signature is checked against it"
            );
    }

    [GeneratedRegex(@"^\+[1-9]\d{6,14}$")]
    private static partial Regex Number();

    private static Regex Sid(string prefix) => new($"^{prefix}[0-9a-fA-F]{{32}}$", RegexOptions.CultureInvariant);
}

/// <summary>
/// Voice and language of &lt;Say&gt; for each language people are called in; a pair that doesn't belong together fails the call
/// (twilio.com/docs/voice/twiml/say/text-speech).
/// </summary>
public sealed class TwilioVoices
{
    /// <summary>Mandarin.</summary>
    public string Zh { get; set; } = "Polly.Zhiyu-Neural cmn-CN";

    /// <summary>Cantonese.</summary>
    public string Yue { get; set; } = "Polly.Hiujin-Neural yue-CN";

    public string En { get; set; } = "Polly.Joanna-Neural en-US";

    internal (string Voice, string Language) For(string language)
    {
        var parts = (
            language switch
            {
                "yue" => Yue,
                "en" => En,
                _ => Zh,
            }
        ).Split(' ', 2);
        return (parts[0], parts.Length > 1 ? parts[1] : "");
    }
}
