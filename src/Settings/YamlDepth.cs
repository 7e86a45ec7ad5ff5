using YamlDotNet.Core;

namespace Vigil.Settings;

/// <summary>Limits how deep a YAML text may be nested.</summary>
internal static class YamlDepth
{
    public const int Most = 64;

    /// <summary>
    /// The line on which a text is nested too deep; null when it isn't. Checked before the nodes are built, which takes a stack frame per
    /// level: a few hundred thousand brackets would overflow the stack and end the process.
    /// </summary>
    public static int? TooDeep(string text)
    {
        var parser = new Parser(new StringReader(text));
        for (var depth = 0; MoveNext(parser); )
        {
            if (parser.Current is YamlDotNet.Core.Events.MappingStart or YamlDotNet.Core.Events.SequenceStart && ++depth > Most)
                return (int)parser.Current.Start.Line;
            if (parser.Current is YamlDotNet.Core.Events.MappingEnd or YamlDotNet.Core.Events.SequenceEnd)
                depth--;
        }

        return null;
    }

    /// <summary>
    /// The parser fails on some texts (a brace that begins on an indented line) without saying where: then the place is the end of what it
    /// had last understood.
    /// </summary>
    private static bool MoveNext(Parser parser)
    {
        try
        {
            return parser.MoveNext();
        }
        catch (InvalidOperationException)
        {
            var after = parser.Current?.End ?? new Mark(0, 1, 1);
            throw new YamlException(after, after, "what follows here can't be read");
        }
    }
}
