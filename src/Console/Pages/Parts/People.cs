namespace Vigil.Console.Pages.Parts;

/// <summary>Who a step is for, in words: <c>contact 2</c> → 紧急联系人 2.</summary>
internal static class People
{
    public static string Step(string to, string language)
    {
        var words = to.Split(' ', 2);
        var key = "step.to." + words[0];
        return Texts.All.ContainsKey(key) ? Texts.Of(key, language) + (words.Length > 1 ? " " + words[1] : "") : to;
    }

    /// <summary>The timeline's word, in the language of the page.</summary>
    public static string What(string what, string language) => Texts.All.ContainsKey("what." + what) ? Texts.Of("what." + what, language) : what;

    public static string Channels(string via, string language) =>
        string.Join('/', via.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(c => Texts.All.ContainsKey("channel." + c) ? Texts.Of("channel." + c, language) : c));
}
