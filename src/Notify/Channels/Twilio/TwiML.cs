using System.Xml.Linq;
using Vigil.Notify.Messages;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>What a call says and asks, as TwiML: the message and the keys, twice, then one digit is awaited.</summary>
internal sealed class TwiML(TwilioOptions options, MessageTexts messages, string publicUrl)
{
    /// <summary>Wrong keys before the call ends.</summary>
    public const int MostTries = 3;

    public const string Empty = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

    /// <summary>
    /// The whole call. The next key goes to <c>/hooks/twilio/voice</c> with our notice's id, which Twilio's signature covers.
    /// </summary>
    public string Call(
        Guid notice,
        string language,
        string template,
        IReadOnlyDictionary<string, string> values,
        int tries = 0,
        int? seen = null
    )
    {
        var text = messages.Spoken(template, language, values) + messages.Spoken("menu", language, values);
        return Write(
            new XElement(
                "Gather",
                new XAttribute("input", "dtmf"),
                new XAttribute("numDigits", 1),
                new XAttribute("timeout", 8),
                new XAttribute("method", "POST"),
                new XAttribute(
                    "action",
                    $"{publicUrl}/hooks/twilio/voice?notice={notice:N}&tries={tries}{(seen is { } version ? $"&seen={version}" : "")}"
                ),
                Say(language, text),
                new XElement("Pause", new XAttribute("length", 1)),
                Say(language, text)
            ),
            Say(language, messages.Spoken("no-key", language, values))
        );
    }

    /// <summary>One sentence, then the call ends.</summary>
    public string Last(string language, string sentence) =>
        Write(Say(language, messages.Spoken(sentence, language, new Dictionary<string, string>())), new XElement("Hangup"));

    public static string Message(string text) => Write(new XElement("Message", text));

    private XElement Say(string language, string text)
    {
        var (voice, spoken) = options.Voices.For(language);
        return new XElement("Say", new XAttribute("voice", voice), spoken.Length > 0 ? new XAttribute("language", spoken) : null, text);
    }

    private static string Write(params object[] verbs) =>
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>" + new XElement("Response", verbs).ToString(SaveOptions.DisableFormatting);
}
