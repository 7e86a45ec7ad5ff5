using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify;

public sealed class MessageTests
{
    /// <summary>Characters of two SMS segments in UCS-2: 67 in each, where a single segment would hold 70 (3GPP TS 23.040).</summary>
    private const int TwoSegments = 134;

    private const string LongestLink = "https://vigil.example.gov.cn/c/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    private static readonly MessageTexts Messages = Load();

    public static TheoryData<string, string, MessageKind> All { get; } =
        new(
            from kind in AlarmKind.All
            from language in new[] { "zh", "en" }
            from says in new[] { MessageKind.Opened, MessageKind.Repeated, MessageKind.Cleared, MessageKind.Back, MessageKind.Late }
            select (kind.Name, language, says)
        );

    [Theory]
    [MemberData(nameof(All))]
    public void Every_kind_has_a_message_in_both_languages_that_fits_two_segments_and_names_no_full_name(
        string kind,
        string language,
        MessageKind says
    )
    {
        var text = Messages.Text(says, language, "王秀英", kind, new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc), LongestLink);
        Assert.InRange(text.Length, 20, language == "zh" ? TwoSegments : 160 * 2); // English text without Chinese characters is GSM-7
        Assert.DoesNotContain("王秀英", text, StringComparison.Ordinal);
        Assert.Contains("王*", text, StringComparison.Ordinal);
        Assert.DoesNotContain('{', text);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Each_message_fits_two_segments_with_its_reply_code_and_English_stays_in_GSM_7(
        string kind,
        string language,
        MessageKind says
    )
    {
        var text = Messages.Text(
            says,
            language,
            language == "zh" ? "王秀英" : "Wang Xiuying",
            kind,
            new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc),
            LongestLink
        );
        if (says is MessageKind.Opened or MessageKind.Repeated)
            text += Messages.Reply(language, "123456");
        Assert.Equal(language == "en", SmsSegments.IsGsm7(text));
        Assert.InRange(SmsSegments.Of(text), 1, 2);
        if (says == MessageKind.Cleared)
            Assert.Equal(1, SmsSegments.Of(text)); // without a link it fits into one segment, so nobody pays twice
    }

    [Theory]
    [InlineData(70, '王', 1)]
    [InlineData(71, '王', 2)]
    [InlineData(134, '王', 2)]
    [InlineData(135, '王', 3)]
    [InlineData(160, 'a', 1)]
    [InlineData(161, 'a', 2)]
    [InlineData(306, 'a', 2)]
    [InlineData(307, 'a', 3)]
    [InlineData(80, '[', 1)]
    [InlineData(81, '[', 2)]
    public void Segments_are_counted_as_the_carriers_count_them(int length, char of, int segments) =>
        Assert.Equal(segments, SmsSegments.Of(new string(of, length)));

    /// <summary>
    /// A spoken message names the family name and the kind of alarm and explains every key; it has no link, code or address.
    /// </summary>
    [Theory]
    [InlineData("zh", "王姓老人")]
    [InlineData("yue", "王姓長者")]
    [InlineData("en", "Wang")]
    public void A_call_says_who_and_what_and_which_keys(string language, string name)
    {
        foreach (var kind in AlarmKind.All)
        {
            var values = Messages.Values(
                language,
                language == "en" ? "Wang Xiuying" : "王秀英",
                kind.Name,
                new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc),
                LongestLink
            );
            var text = Messages.Spoken("opened", language, values) + Messages.Spoken("menu", language, values);
            Assert.Contains(name, text, StringComparison.Ordinal);
            Assert.Contains(Messages.Kind(kind.Name, language), text, StringComparison.Ordinal);
            Assert.All(new[] { "1", "2", "3" }, key => Assert.Contains(key, text, StringComparison.Ordinal));
            Assert.DoesNotContain("http", text, StringComparison.Ordinal);
            Assert.DoesNotContain("秀英", text, StringComparison.Ordinal);
            Assert.DoesNotContain('{', text);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_message_about_no_resident_names_nobody_and_has_no_colon_where_the_name_would_stand(
        string kind,
        string language,
        MessageKind says
    )
    {
        var text = Messages.Text(says, language, "", kind, new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc), LongestLink);
        var begins = language == "zh" ? "【守望】" : "[Vigil] ";
        Assert.StartsWith(begins, text, StringComparison.Ordinal);
        Assert.True(language == "zh" ? char.IsLetter(text[begins.Length]) : char.IsUpper(text[begins.Length]), text);
        Assert.DoesNotContain('*', text);
        Assert.DoesNotContain('{', text);
    }

    [Theory]
    [InlineData("zh", MessageKind.Opened, "【守望】系统故障（01-15 12:00）。请查看并确认：L")]
    [InlineData("yue", MessageKind.Opened, "【守望】系统故障（01-15 12:00）。请查看并确认：L")]
    [InlineData("en", MessageKind.Opened, "[Vigil] Trouble with the service (01-15 12:00). Please look and confirm: L")]
    [InlineData("zh", MessageKind.Late, "【守望】系统故障的通知已延误，请立即查看：L")]
    [InlineData("en", MessageKind.Late, "[Vigil] Telling people of 'trouble with the service' is late, look now: L")]
    public void What_is_told_of_the_service_reads_as_a_sentence(string language, MessageKind says, string text) =>
        Assert.Equal(text, Messages.Text(says, language, "", "service-trouble", new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc), "L"));

    [Theory]
    [InlineData("zh", "opened", "您好，这里是守望。系统故障。")]
    [InlineData("zh", "repeated", "您好，这里是守望。再次系统故障。")]
    [InlineData("zh", "late", "您好，这里是守望。通知已延误，请立即查看。")]
    [InlineData("yue", "opened", "你好，呢度係守望。系统故障。")]
    [InlineData("yue", "late", "你好，呢度係守望。通知遲咗，請即刻查看。")]
    [InlineData("en", "opened", "This is Vigil. Trouble with the service. ")]
    [InlineData("en", "late", "This is Vigil. Telling people is late, please look now. ")]
    public void A_call_about_no_resident_speaks_of_no_older_person(string language, string key, string text)
    {
        var values = Messages.Values(language, "", "service-trouble", new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc), "L");
        Assert.Equal(text, Messages.Spoken(key, language, values));
    }

    [Theory]
    [InlineData("zh", "王*：设备电量低；系统故障")]
    [InlineData("en", "王*: device battery low; trouble with the service")]
    public void A_digest_names_nobody_where_there_is_no_resident(string language, string list) =>
        Assert.Contains(
            list,
            Messages.Digest(language, [("王秀英", "battery-low"), ("", "service-trouble")], LongestLink),
            StringComparison.Ordinal
        );

    [Fact]
    public void Times_are_local() =>
        Assert.Contains(
            "01-15 12:00",
            Messages.Text(MessageKind.Opened, "zh", "王", "sos", new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc), ""),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("王秀英", "王*")]
    [InlineData("Wang Xiuying", "Wang*")]
    [InlineData("http://evil.example", "httpevilexample*")]
    [InlineData("", "*")]
    public void A_name_is_cut_to_the_family_name_and_can_carry_no_link(string name, string shown) =>
        Assert.Equal(shown, MessageTexts.Masked(name));

    [Fact]
    public void A_digest_names_four_and_says_how_many()
    {
        var text = Messages.Digest("zh", [.. Enumerable.Repeat(("王秀英", "battery-low"), 30)], LongestLink);
        Assert.Contains("30条提醒", text, StringComparison.Ordinal);
        Assert.InRange(text.Length, 1, TwoSegments);
    }

    private static MessageTexts Load()
    {
        var problems = new List<Problem>();
        var texts = MessageTexts.Load(
            Path.Combine(AppContext.BaseDirectory, "config", "messages.yaml"),
            TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"),
            problems
        );
        Assert.Empty(problems);
        return texts!;
    }
}
