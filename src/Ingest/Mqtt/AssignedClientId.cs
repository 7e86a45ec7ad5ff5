using System.Buffers;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// An MQTT 3.1.1 client may leave its client id empty and have one assigned (§3.1.3.1; mosquitto_pub does), but MQTTnet refuses it: such a
/// CONNECT packet is given an id here.
/// </summary>
internal static class AssignedClientId
{
    private const string Prefix = "auto-";

    /// <summary>Whether a client id was assigned here.</summary>
    public static bool IsAssigned(string clientId) => clientId.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The CONNECT packet with an id added, and where the original ends; null when it needs none.</summary>
    public static (byte[] Packet, SequencePosition End)? Add(in ReadOnlySequence<byte> buffer)
    {
        var bytes = buffer.ToArray();
        var (length, at) = (0, 1);
        for (var shift = 0; ; shift += 7)
        {
            length |= (bytes[at] & 0x7F) << shift;
            if ((bytes[at++] & 0x80) == 0)
                break;
        }

        var end = at + length;
        // Protocol name MQTT, level 4, clean session, keep-alive, then the client id's length.
        if (
            length < 12
            || !bytes.AsSpan(at, 7).SequenceEqual((ReadOnlySpan<byte>)[0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 4])
            || (bytes[at + 7] & 2) == 0
        )
            return null;
        if (bytes[at + 10] != 0 || bytes[at + 11] != 0)
            return null;
        var id = System.Text.Encoding.ASCII.GetBytes($"{Prefix}{Guid.NewGuid():N}");
        var remaining = length + id.Length;
        using var packet = new MemoryStream();
        packet.WriteByte(bytes[0]);
        for (var left = remaining; ; left >>= 7)
        {
            packet.WriteByte((byte)(left > 0x7F ? left & 0x7F | 0x80 : left));
            if (left <= 0x7F)
                break;
        }

        packet.Write(bytes, at, 10);
        packet.Write([0, (byte)id.Length]);
        packet.Write(id);
        packet.Write(bytes, at + 12, length - 12);
        return (packet.ToArray(), buffer.GetPosition(end));
    }
}
