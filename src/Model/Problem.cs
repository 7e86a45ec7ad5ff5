namespace Vigil.Model;

/// <summary>
/// Something wrong in a file that a person wrote: where it is, what is written there and why it can't be used. All problems of a file are
/// reported at once.
/// </summary>
/// <param name="File">Path as the person knows it; a configuration key where there is no file.</param>
/// <param name="Line">1-based; 0 where there is no line.</param>
/// <param name="Id">The profile, rule, policy step, row or setting that it is about.</param>
/// <param name="Value">What is written there.</param>
/// <param name="Message">Why it can't be used, and what can.</param>
public sealed record Problem(string File, int Line, string Id, string Value, Wording Message)
{
    /// <summary>For the terminal and the log alone, which read English: of files that no page shows.</summary>
    public Problem(string file, int line, string id, string value, string message)
        : this(file, line, id, value, Wording.Same(message)) { }

    /// <summary>Where it is, what stands there and why it can't be used, in one line.</summary>
    public string In(string language) => Where + $": {Message.In(language)}";

    public override string ToString() => In("en");

    private string Where =>
        (Line > 0 ? $"{File}:{Line}" : File) + (Id.Length > 0 ? $": {Id}" : "") + (Value.Length > 0 ? $": '{Value}'" : "");
}
