using System.Buffers;
using System.Buffers.Text;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>How the bytes of a format are wrapped on MQTT.</summary>
public enum PayloadEncoding
{
    /// <summary>As they are; text formats too.</summary>
    Raw,
    Hex,
    Base64,
}

/// <summary>
/// A kind of device as data: its topics, how its payloads are decoded, what it is expected to report. Written in <c>devices/**.yaml</c>.
/// </summary>
public sealed class Profile
{
    /// <summary><c>vendor/model</c>, or the name of a format for the generic ones.</summary>
    public required string Id { get; init; }

    /// <summary>Ids of further models with the same payloads: the registry may name any of them.</summary>
    public IReadOnlyList<string> Also { get; init; } = [];
    public string Vendor { get; init; } = "";
    public string Model { get; init; } = "";
    public required string Format { get; init; }
    public PayloadEncoding Encoding { get; init; }

    /// <summary>In <c>vigil decode</c> its payloads are typed as hexadecimal text.</summary>
    public bool IsBinary { get; init; }

    /// <summary>A LoRaWAN model: it reads bare frames too, which have a port.</summary>
    public bool ReadsFrames => Decoder is Decoding.LoRaWan.UplinkDecoder { ReadsFrames: true };

    /// <summary>Topic patterns with <c>{device}</c>, <c>+</c> and <c>#</c>.</summary>
    public required IReadOnlyList<TopicPattern> Topics { get; init; }

    /// <summary>Topics among them that carry no readings: a bridge's own, commands.</summary>
    public IReadOnlyList<TopicPattern> Ignored { get; init; } = [];

    /// <summary>Metrics that are expected of a device of this kind from its installation on.</summary>
    public IReadOnlyList<Metric> Expects { get; init; } = [];
    public TimeSpan? ReportEvery { get; init; }
    public IReadOnlyList<ProfileExample> Examples { get; init; } = [];
    public required Decoder Decoder { get; init; }
    public string File { get; init; } = "";

    /// <summary>
    /// Devices of this kind report presses, falls, smoke or gas, as the profile's examples show; a generic profile may be used for any
    /// device.
    /// </summary>
    public bool SpeaksOfLife =>
        IsGeneric || Examples.Any(e => e.Readings.Any(r => Metric.TryParse(r.Metric, out var metric) && metric.IsLifeSafety));

    /// <summary>Devices of this kind are pressed for help, as the profile's examples show; a generic profile says nothing of it.</summary>
    public bool IsCallButton =>
        !IsGeneric
        && Examples.Any(e =>
            e.Readings.Any(r => r.Event is "sos" or "pressed" && Metric.TryParse(r.Metric, out var metric) && metric == Metric.Button)
        );

    /// <summary>
    /// Devices of this kind watch nobody: as the profile's examples show, they report what goes on where a resident refuses remote
    /// monitoring, and themselves. A generic profile may be used for any device, so nobody knows.
    /// </summary>
    public bool OnlyCalls => onlyCalls ??= ReportsOnlyCalls();

    private bool ReportsOnlyCalls()
    {
        var reported = Examples.SelectMany(e => e.Readings).Select(r => r.Metric).ToList();
        return !IsGeneric
            && reported.Exists(m => Consents.ClassOf(m) == DataClass.Presses)
            && reported.TrueForAll(m => Consents.EndingMetric(m) == Refusals.None);
    }

    /// <summary>Generic profiles read any device of a format that no other profile claims.</summary>
    public bool IsGeneric => !Id.Contains('/', StringComparison.Ordinal);

    public string TopicPattern => string.Join(' ', Topics);

    private bool? onlyCalls;

    public bool Ignores(string topic)
    {
        foreach (var pattern in Ignored)
            if (pattern.TryMatch(topic, out _))
                return true;
        return false;
    }

    public string DeviceFromTopic(string topic)
    {
        foreach (var pattern in Topics)
            if (pattern.TryMatch(topic, out var device))
                return device;
        return "";
    }

    /// <summary>Removes the encoding and decodes. Whatever goes wrong is the returned reason; nothing is thrown.</summary>
    public Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        byte[]? rented = null;
        try
        {
            switch (Encoding)
            {
                case PayloadEncoding.Hex:
                    rented = ArrayPool<byte>.Shared.Rent(payload.Length / 2 + 1);
                    if (!TryHex(payload, rented, out var bytes))
                        return new Wording("is not hexadecimal text, as the profile says it is", "不是十六进制文字，与型号文件不符");
                    payload = rented.AsSpan(0, bytes);
                    break;
                case PayloadEncoding.Base64:
                    rented = ArrayPool<byte>.Shared.Rent(Base64.GetMaxDecodedFromUtf8Length(payload.Length) + 3);
                    if (Base64.DecodeFromUtf8(payload, rented, out _, out bytes) != OperationStatus.Done)
                        return new Wording("is not base64, as the profile says it is", "不是 base64，与型号文件不符");
                    payload = rented.AsSpan(0, bytes);
                    break;
            }

            return Decoder.Decode(payload, topic, into);
        }
        catch (System.Text.Json.JsonException e)
        {
            return JsonFields.NotJson(e);
        }
        catch (InvalidOperationException e) when (JsonFields.IsBadText(e))
        {
            return JsonFields.BadText(e);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return new Wording($"the {Format} decoder failed: {e.Message}", $"{Format} 解码器出错");
        }
        finally
        {
            if (rented is not null)
                ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>A line of <c>vigil decode</c>: hex for binary formats whatever the encoding on MQTT, else the text itself.</summary>
    /// <param name="line">The payload.</param>
    /// <param name="topic">The topic it came on; empty when unknown.</param>
    /// <param name="into">Where readings go.</param>
    /// <param name="port">Of a bare LoRaWAN frame in hex: its fPort; null takes any port of the model.</param>
    /// <returns>Null when understood, else why it was refused.</returns>
    public Wording? DecodeLine(string line, string topic, DecodedPayload into, int? port = null)
    {
        var text = System.Text.Encoding.UTF8.GetBytes(line);
        if (Decoder is Decoding.LoRaWan.UplinkDecoder { ReadsFrames: true } uplink && !line.AsSpan().TrimStart().StartsWith("{"))
        {
            var frame = new byte[text.Length / 2 + 1];
            return TryHex(text, frame, out var size)
                ? uplink.DecodeFrame(frame.AsSpan(0, size), port, into)
                : new Wording(
                    "is neither a network server's JSON nor a frame in hexadecimal",
                    "既不是网络服务器的 JSON，也不是十六进制的帧"
                );
        }

        if (!IsBinary || Encoding != PayloadEncoding.Raw)
            return Decode(text, topic, into);
        var bytes = new byte[text.Length / 2 + 1];
        return TryHex(text, bytes, out var length)
            ? Decode(bytes.AsSpan(0, length), topic, into)
            : new Wording("is not hexadecimal text", "不是十六进制文字");
    }

    /// <summary>Hex with or without white space and 0x, in either case.</summary>
    public static bool TryHex(ReadOnlySpan<byte> text, Span<byte> into, out int length)
    {
        length = 0;
        var high = -1;
        if (text.Length > 1 && text[0] == '0' && text[1] is (byte)'x' or (byte)'X')
            text = text[2..];
        foreach (var c in text)
        {
            if (c is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
                continue;
            var digit = c switch
            {
                >= (byte)'0' and <= (byte)'9' => c - '0',
                >= (byte)'a' and <= (byte)'f' => c - 'a' + 10,
                >= (byte)'A' and <= (byte)'F' => c - 'A' + 10,
                _ => -1,
            };
            if (digit < 0)
                return false;
            if (high < 0)
            {
                high = digit;
                continue;
            }

            into[length++] = (byte)(high << 4 | digit);
            high = -1;
        }

        return high < 0 && length > 0;
    }
}
