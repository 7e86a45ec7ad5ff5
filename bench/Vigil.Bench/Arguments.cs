using System.Globalization;

namespace Vigil.Bench;

/// <summary>Arguments written as <c>--name value</c>.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    public static Arguments Of(string[] args)
    {
        var read = new Arguments();
        for (var i = 0; i + 1 < args.Length; i += 2)
            read.values[args[i]] = args[i + 1];
        return read;
    }

    public string? Text(string name) => values.GetValueOrDefault(name);

    public int Number(string name, int otherwise) =>
        values.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
