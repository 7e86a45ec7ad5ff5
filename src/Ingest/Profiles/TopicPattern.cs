namespace Vigil.Ingest.Profiles;

/// <summary>
/// A topic with a place for the device: <c>zigbee2mqtt/{device}</c>, <c>application/+/device/{device}/event/#</c>.
/// <c>{device...}</c> at the end takes several levels, for names with slashes.
/// </summary>
public sealed class TopicPattern
{
    private readonly string[] levels;

    private TopicPattern(string text, string[] levels)
    {
        Text = text;
        this.levels = levels;
        Filter = string.Join(
            '/',
            levels.Select(l =>
                l switch
                {
                    "{device}" => "+",
                    "{device...}" => "#",
                    _ => l,
                }
            )
        );
        Weight = levels.Count(l => l is not "+" and not "#" && !l.StartsWith('{')) * 100 - levels.Count(l => l is "#" or "{device...}");
    }

    public string Text { get; }

    /// <summary>As an MQTT topic filter.</summary>
    public string Filter { get; }

    /// <summary>Higher for more specific patterns: those with more literal levels.</summary>
    public int Weight { get; }

    public static bool TryParse(string text, out TopicPattern pattern)
    {
        pattern = null!;
        var levels = text.Split('/');
        for (var i = 0; i < levels.Length; i++)
        {
            var last = i == levels.Length - 1;
            if (levels[i] is "+" or "{device}" || (last && levels[i] is "#" or "{device...}"))
                continue;
            if (levels[i].AsSpan().IndexOfAny("+#{}") >= 0)
                return false;
        }

        pattern = new TopicPattern(text, levels);
        return text.Length > 0;
    }

    public bool TryMatch(ReadOnlySpan<char> topic, out string device)
    {
        device = "";
        var rest = topic;
        for (var i = 0; i < levels.Length; i++)
        {
            var level = levels[i];
            if (level == "#")
                return true;
            if (level == "{device...}")
            {
                device = Name(rest);
                return rest.Length > 0;
            }

            var slash = rest.IndexOf('/');
            var name = slash < 0 ? rest : rest[..slash];
            if (level == "{device}")
            {
                if (name.Length == 0)
                    return false;
                device = Name(name);
            }
            else if (level != "+" && !name.SequenceEqual(level))
            {
                return false;
            }

            if (slash < 0)
                return i == levels.Length - 1 || (i == levels.Length - 2 && levels[^1] == "#");
            rest = rest[(slash + 1)..];
        }

        return false;
    }

    /// <summary>Device names may contain spaces, ids may not.</summary>
    private static string Name(ReadOnlySpan<char> text) => text.Contains(' ') ? text.ToString().Replace(' ', '_') : text.ToString();

    public override string ToString() => Text;
}
