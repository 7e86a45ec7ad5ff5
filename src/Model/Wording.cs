using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vigil.Model;

/// <summary>
/// What the service says, in both languages of its readers: who writes the one writes the other beside it. A page shows it in its reader's
/// language; logs, the terminal and other systems read English.
/// </summary>
[JsonConverter(typeof(WordingJson))]
public sealed record Wording(string En, string Zh)
{
    public static Wording None { get; } = new("", "");

    /// <summary>
    /// What reads the same in both: a name, a number, a code, what a person or another system wrote; and English for the terminal alone.
    /// </summary>
    public static Wording Same(string text) => text.Length == 0 ? None : new(text, text);

    /// <summary>In English where there is no Chinese: rows that were written before there was any.</summary>
    /// <param name="language">en; everything else is Chinese.</param>
    public string In(string language) => language == "en" || Zh.Length == 0 ? En : Zh;

    /// <summary>English: whatever is not told otherwise reads that.</summary>
    public override string ToString() => En;

    /// <summary>Several, as each language lists them.</summary>
    public static Wording Join(IReadOnlyCollection<Wording> parts) =>
        new(string.Join(", ", parts.Select(p => p.En)), string.Join("、", parts.Select(p => p.Zh)));
}

/// <summary>JSON is read by other systems: a text, in English.</summary>
internal sealed class WordingJson : JsonConverter<Wording>
{
    public override Wording Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Wording.Same(reader.GetString() ?? "");

    public override void Write(Utf8JsonWriter writer, Wording value, JsonSerializerOptions options) => writer.WriteStringValue(value.En);
}
