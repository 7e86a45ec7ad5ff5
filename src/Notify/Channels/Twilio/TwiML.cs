using System.Xml.Linq;
using Twilio.TwiML;
using Twilio.TwiML.Voice;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>What a call says and asks, as TwiML: the message and the keys, twice, then one digit is awaited.</summary>
internal sealed class TwiML(TwilioOptions options, MessageTexts messages, string publicUrl)
{
    /// <summary>Wrong keys before the call ends.</summary>
    public const int MostTries = 3;

    public static string Empty { get; } = new MessagingResponse().ToString(SaveOptions.DisableFormatting);

    /// <summary>
    /// The whole call. The next key goes to <c>/hooks/twilio/voice</c> with our notice's id, which Twilio's signature covers.
    /// </summary>
    public string Call(
        Guid notice,
        string language,
        MessageKind template,
        IReadOnlyDictionary<string, string> values,
        int tries = 0,
        int? seen = null
    )
    {
        var reach = template == MessageKind.Reach; // says itself which keys there are
        var text = messages.Spoken(template.Word(), language, values) + (reach ? "" : messages.Spoken("menu", language, values));
        var asks = new Gather(
            input: [Gather.InputEnum.Dtmf],
            numDigits: 1,
            timeout: 8,
            method: "POST",
            action: new Uri(
                $"{publicUrl}/hooks/twilio/voice?notice={notice:N}&tries={tries}{(seen is { } version ? $"&seen={version}" : "")}"
            )
        )
            .Append(Saying(language, text))
            .Pause(1)
            .Append(Saying(language, text));
        return new VoiceResponse()
            .Append(asks)
            .Append(Saying(language, messages.Spoken(reach ? "reach-no-key" : "no-key", language, values)))
            .ToString(SaveOptions.DisableFormatting);
    }

    /// <summary>One sentence, then the call ends.</summary>
    public string Last(string language, string sentence) =>
        new VoiceResponse()
            .Append(Saying(language, messages.Spoken(sentence, language, new Dictionary<string, string>())))
            .Hangup()
            .ToString(SaveOptions.DisableFormatting);

    public static string Message(string text) => new MessagingResponse().Message(text).ToString(SaveOptions.DisableFormatting);

    private Say Saying(string language, string text)
    {
        var (voice, spoken) = options.Voices.For(language);
        return new Say(text, voice, language: spoken.Length > 0 ? (Say.LanguageEnum)spoken : null);
    }
}
