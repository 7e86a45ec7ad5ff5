namespace Vigil.Ingest.Mqtt;

/// <summary>MQTT 5 §4.7: topic names and filters.</summary>
public static class Topics
{
    /// <summary>Why a topic can't be published to; null when it can.</summary>
    public static string? Refuse(string topic, int maxBytes, int maxLevels)
    {
        if (topic.Length == 0)
            return "empty topic";
        if (topic.Length > maxBytes || System.Text.Encoding.UTF8.GetByteCount(topic) > maxBytes)
            return $"topic longer than {maxBytes} bytes";
        var levels = 1;
        foreach (var c in topic)
        {
            if (c is '+' or '#')
                return "wildcard in a topic name";
            if (c == '\0' || char.IsControl(c))
                return "control character in a topic name";
            if (c == '/')
                levels++;
        }

        if (levels > maxLevels)
            return $"topic of more than {maxLevels} levels";
        return topic[0] == '$' ? "topics that begin with $ are the broker's own" : null;
    }

    /// <summary>Whether a filter (<c>+</c> one level, <c>#</c> the rest) matches a topic name. Allocates nothing.</summary>
    public static bool Matches(ReadOnlySpan<char> filter, ReadOnlySpan<char> topic)
    {
        if (topic.Length > 0 && topic[0] == '$' && filter.Length > 0 && filter[0] is '+' or '#')
            return false;
        while (true)
        {
            var f = filter.IndexOf('/');
            var level = f < 0 ? filter : filter[..f];
            if (level is "#")
                return true;
            var t = topic.IndexOf('/');
            var name = t < 0 ? topic : topic[..t];
            if (level is not "+" && !level.SequenceEqual(name))
                return false;
            if (f < 0)
                return t < 0;
            if (t < 0)
                return filter[(f + 1)..] is "#";
            filter = filter[(f + 1)..];
            topic = topic[(t + 1)..];
        }
    }
}
