using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>Stores an enum as its word: people can read the row, and the members may be reordered.</summary>
internal sealed class WordConverter<T>() : ValueConverter<T, string>(v => v.Word(), w => Words.Read<T>(w))
    where T : struct, Enum;

/// <summary>Stores several in their order, with commas between them.</summary>
internal sealed class WordsConverter<T>() : ValueConverter<IReadOnlyList<T>, string>(v => Words.List(v), w => Words.ReadList<T>(w))
    where T : struct, Enum;

internal sealed class WordsComparer<T>()
    : ValueComparer<IReadOnlyList<T>>((a, b) => Words.List(a!) == Words.List(b!), v => Words.List(v).GetHashCode(), v => v)
    where T : struct, Enum;
