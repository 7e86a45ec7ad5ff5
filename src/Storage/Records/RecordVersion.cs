using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Vigil.Storage.Records;

/// <summary>
/// Which state of a record somebody has read. Whoever changes a record gives back the version that was read; if the record has another one
/// by then, somebody changed it meanwhile and the change is refused (409). It is made of the values themselves, so that it changes whoever
/// writes: a page, the API, an import, another process.
/// </summary>
public static class RecordVersion
{
    /// <summary>16 hexadecimal digits; equal for equal values in the same order.</summary>
    public static string Of(params ReadOnlySpan<object?> values)
    {
        var hash = new XxHash64();
        foreach (var value in values)
        {
            // A length before each value: "ab", "c" is something else than "a", "bc".
            var text = value is null ? "" : Convert.ToString(value is DateTime t ? t.Ticks : value, CultureInfo.InvariantCulture)!;
            hash.Append(BitConverter.GetBytes(value is null ? -1 : text.Length));
            hash.Append(MemoryMarshal.AsBytes(text.AsSpan()));
        }

        return hash.GetCurrentHashAsUInt64().ToString("x16", CultureInfo.InvariantCulture);
    }
}
