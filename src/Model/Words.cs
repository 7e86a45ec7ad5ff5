using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text.Json;

namespace Vigil.Model;

/// <summary>
/// The words that stand for an enum's members where they are stored, told to other systems and written in settings: HandedOver is
/// <c>handed-over</c>. A member may not be renamed without its rows.
/// </summary>
/// <remarks>
/// A word that no member has (a damaged row, a row of another version) becomes a value without a name, as a number does that is stored for
/// an enum: it spoils nothing, equals itself alone, and is written back as it was. Thread-safe.
/// </remarks>
public static class Words
{
    /// <summary>Of every member, in their order.</summary>
    public static IReadOnlyList<string> All<T>()
        where T : struct, Enum => [.. Enum.GetValues<T>().Select(Word)];

    public static string Word<T>(this T value)
        where T : struct, Enum => Table<T>.Word(value);

    /// <summary>What a person or another system wrote: a member's word, exactly.</summary>
    public static bool TryParse<T>(string? word, out T value)
        where T : struct, Enum
    {
        value = default;
        return word is not null && Table<T>.Values.TryGetValue(word, out value);
    }

    /// <summary>What is stored: never refused.</summary>
    public static T Read<T>(string word)
        where T : struct, Enum => Table<T>.Read(word);

    /// <summary>Several, with commas between them.</summary>
    public static string List<T>(IEnumerable<T> values)
        where T : struct, Enum => string.Join(',', values.Select(Word));

    public static IReadOnlyList<T> ReadList<T>(string words)
        where T : struct, Enum =>
        [.. words.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Read<T>)];

    private static class Table<T>
        where T : struct, Enum
    {
        public static readonly FrozenDictionary<string, T> Values = Enum.GetValues<T>()
            .ToFrozenDictionary(v => JsonNamingPolicy.KebabCaseLower.ConvertName($"{v}"), StringComparer.Ordinal);

        private static readonly FrozenDictionary<T, string> Members = Values.ToFrozenDictionary(v => v.Value, v => v.Key);
        private static readonly ConcurrentDictionary<string, T> Strange = new(StringComparer.Ordinal);
        private static readonly ConcurrentDictionary<T, string> Strangers = [];
        private static readonly Lock Naming = new();

        public static string Word(T value) =>
            Members.TryGetValue(value, out var word) || Strangers.TryGetValue(value, out word) ? word : $"{value}";

        public static T Read(string word) =>
            Values.TryGetValue(word, out var value) || Strange.TryGetValue(word, out value) ? value : ReadStrange(word);

        private static T ReadStrange(string word)
        {
            lock (Naming)
            {
                if (Strange.TryGetValue(word, out var value))
                    return value;
                value = (T)Enum.ToObject(typeof(T), -1 - Strange.Count);
                (Strangers[value], Strange[word]) = (word, value);
                return value;
            }
        }
    }
}
