using Microsoft.Extensions.Configuration;
using Vigil.Notify;
using Vigil.Notify.Channels.Twilio;

namespace Vigil.Tests.Notify.Phones;

public sealed class TwilioOptionsTests
{
    private static readonly Dictionary<string, string?> Right = new()
    {
        ["Notify:Routes:+852"] = "twilio",
        ["Notify:Routes:default"] = "outbox",
        ["Twilio:AccountSid"] = PhoneNight.Sid,
        ["Twilio:AuthToken"] = "t",
        ["Twilio:From"] = "+85230000000",
        ["Http:PublicUrl"] = "https://vigil.example",
    };

    [Fact]
    public void Right_settings_have_no_problem() => Assert.Empty(Problems([]));

    [Theory]
    [InlineData("Twilio:AccountSid", "AC12", "Twilio:AccountSid")]
    [InlineData("Twilio:AuthToken", "", "Twilio:AuthToken")]
    [InlineData("Twilio:From", "13800138000", "Twilio:From")]
    [InlineData("Twilio:From", "", "Twilio:From")]
    [InlineData("Twilio:MessagingServiceSid", "MG1", "Twilio:MessagingServiceSid")]
    [InlineData("Twilio:BaseUrl", "http://api.twilio.com", "Twilio:BaseUrl")]
    [InlineData("Twilio:RingSeconds", "3", "Twilio:RingSeconds")]
    [InlineData("Twilio:RingSeconds", "long", "Twilio:RingSeconds")]
    [InlineData("Twilio:ValiditySeconds", "5", "Twilio:ValiditySeconds")]
    [InlineData("Http:PublicUrl", "", "Http:PublicUrl")]
    [InlineData("Http:PublicUrl", "http://vigil.example", "Http:PublicUrl")]
    [InlineData("Notify:Routes:+852", "twillio", "Notify:Routes:+852")]
    [InlineData("Notify:Routes:852", "twilio", "Notify:Routes:852")]
    [InlineData("Notify:Routes:sms", "", "Notify:Routes:sms")]
    public void A_wrong_setting_is_named_with_its_key(string key, string value, string named) =>
        Assert.Equal([named], Problems(new() { [key] = value }).Select(p => p.File));

    [Fact]
    public void A_route_to_a_provider_without_settings_says_which_are_missing()
    {
        var problems = NotifyServices
            .Check(
                new ConfigurationBuilder()
                    .AddInMemoryCollection(new Dictionary<string, string?> { ["Notify:Routes:default"] = "twilio, outbox" })
                    .Build()
            )
            .ToList();
        Assert.Equal(["Twilio:AccountSid", "Twilio:AuthToken", "Twilio:From", "Http:PublicUrl"], problems.Select(p => p.File));
    }

    /// <summary>The worked example of twilio.com/docs/usage/security ("Validating requests").</summary>
    [Fact]
    public void A_signature_is_made_as_Twilio_documents_it()
    {
        Dictionary<string, string> form = new()
        {
            ["CallSid"] = "CA1234567890ABCDE",
            ["Caller"] = "+14158675309",
            ["Digits"] = "1234",
            ["From"] = "+14158675309",
            ["To"] = "+18005551212",
        };
        const string url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        Assert.Equal("RSOYDt4T1cUTdK1PDd93/VVr8B8=", TwilioSigner.Of("12345", url, form));
        Assert.True(TwilioSignature.IsValid(["another", "12345"], url, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        Assert.False(TwilioSignature.IsValid(["another", ""], url, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        Assert.False(TwilioSignature.IsValid([], url, form, ""));
    }

    private static List<Vigil.Model.Problem> Problems(Dictionary<string, string?> changes)
    {
        var all = new Dictionary<string, string?>(Right);
        foreach (var (key, value) in changes)
            all[key] = value;
        return [.. NotifyServices.Check(new ConfigurationBuilder().AddInMemoryCollection(all).Build())];
    }
}
