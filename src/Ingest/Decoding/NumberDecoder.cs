using System.Buffers.Text;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>A payload that is one plain number (or a line of comma-separated ones), its metrics named by the profile in order.</summary>
public sealed class NumberDecoder : Decoder
{
    private readonly (Metric Metric, Conversion Conversion)[] columns;

    private NumberDecoder((Metric, Conversion)[] columns) => this.columns = columns;

    public static Decoder? Create(YamlSection profile)
    {
        var columns = new List<(Metric, Conversion)>();
        foreach (var entry in profile.Sections("map"))
        {
            if (MapEntry.ReadMetric(entry) is { } found)
                columns.Add(found);
            entry.NoOthers();
        }

        return new NumberDecoder([.. columns]);
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        var column = 0;
        foreach (var range in payload.Split((byte)','))
        {
            var text = payload[range].Trim((byte)' ').TrimEnd("\r\n"u8);
            if (column >= columns.Length)
                return new Wording($"has more than {columns.Length} columns", $"超过 {columns.Length} 列");
            if (text.Length > 0)
            {
                if (!Utf8Parser.TryParse(text, out double value, out var used) || used != text.Length || !double.IsFinite(value))
                    return new Wording($"column {column + 1} is not a number", $"第 {column + 1} 列不是数字");
                into.Add(columns[column].Metric, columns[column].Conversion.Apply(value));
            }

            column++;
        }

        return null;
    }
}
