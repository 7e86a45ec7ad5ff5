namespace Vigil.Ingest.Decoding;

/// <summary>The labels of RFC 8428 §4.1 and §4.2.</summary>
internal enum SenMlLabel
{
    Other,
    BaseName,
    BaseUnit,
    BaseTime,
    BaseValue,
    BaseSum,
    Version,
    Name,
    Unit,
    Time,
    Value,
    Sum,
    Text,
    Flag,
}

internal static class SenMlLabels
{
    public static SenMlLabel Find(ReadOnlySpan<byte> label) =>
        label switch
        {
            [(byte)'n'] => SenMlLabel.Name,
            [(byte)'v'] => SenMlLabel.Value,
            [(byte)'u'] => SenMlLabel.Unit,
            [(byte)'t'] => SenMlLabel.Time,
            [(byte)'s'] => SenMlLabel.Sum,
            [(byte)'b', (byte)'n'] => SenMlLabel.BaseName,
            [(byte)'b', (byte)'u'] => SenMlLabel.BaseUnit,
            [(byte)'b', (byte)'t'] => SenMlLabel.BaseTime,
            [(byte)'b', (byte)'v'] => SenMlLabel.BaseValue,
            [(byte)'b', (byte)'s'] => SenMlLabel.BaseSum,
            [(byte)'b', (byte)'v', (byte)'e', (byte)'r'] => SenMlLabel.Version,
            [(byte)'v', (byte)'s'] => SenMlLabel.Text,
            [(byte)'v', (byte)'b'] => SenMlLabel.Flag,
            _ => SenMlLabel.Other,
        };
}
