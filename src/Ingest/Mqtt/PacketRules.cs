using System.Buffers;
using System.Buffers.Binary;
using System.Text.Unicode;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// The delivery fields of a PUBLISH: quality of service, DUP flag (sent before), packet identifier (0 at QoS 0).
/// </summary>
internal readonly record struct Delivery(int Qos, bool Dup, ushort Id);

/// <summary>
/// What MQTT requires of a client's packet and MQTTnet doesn't check: flags of the fixed header (§2.1.3), packet identifiers other than 0
/// (§2.2.1), names that are valid UTF-8 (§1.5.4). Checks one complete packet.
/// </summary>
internal static class PacketRules
{
    /// <param name="first">First byte of the fixed header.</param>
    /// <param name="body">Everything after the fixed header.</param>
    /// <param name="isMqtt5">The client speaks MQTT 5.</param>
    /// <param name="delivery">The delivery fields of a PUBLISH or PUBREL.</param>
    /// <returns>Null when the packet may pass.</returns>
    public static string? Refuse(byte first, in ReadOnlySequence<byte> body, bool isMqtt5, out Delivery delivery)
    {
        if (body.IsSingleSegment)
            return Refuse(first, body.FirstSpan, isMqtt5, out delivery);
        var rented = ArrayPool<byte>.Shared.Rent((int)body.Length);
        body.CopyTo(rented);
        var reason = Refuse(first, rented.AsSpan(0, (int)body.Length), isMqtt5, out delivery);
        ArrayPool<byte>.Shared.Return(rented);
        return reason;
    }

    private static string? Refuse(byte first, ReadOnlySpan<byte> body, bool isMqtt5, out Delivery delivery)
    {
        var (type, flags) = (first >> 4, first & 0x0F);
        delivery = default;
        switch (type)
        {
            case 1:
                return flags != 0 ? "CONNECT with flags" : RefuseConnect(body);
            case 3:
                return RefusePublish(flags, body, out delivery);
            case 4 or 5 or 6 or 7:
                if (flags != (type == 6 ? 2 : 0))
                    return "an acknowledgement with wrong flags";
                if (Id(body) is not { } of)
                    return "an acknowledgement of packet 0";
                delivery = new Delivery(2, false, of);
                return null;
            case 8 or 10:
                if (flags != 2)
                    return "SUBSCRIBE or UNSUBSCRIBE with wrong flags";
                return Id(body) is null
                    ? "SUBSCRIBE or UNSUBSCRIBE with packet id 0"
                    : RefuseFilters(body[2..], isMqtt5, options: type == 8);
            case 12:
                return flags != 0 || body.Length > 0 ? "PINGREQ with flags or a body" : null;
            case 14:
                return flags != 0 ? "DISCONNECT with flags" : null;
            default:
                return $"packet type {type} is not a client's";
        }
    }

    /// <summary>The user name in a CONNECT that is not authenticated yet; empty without one.</summary>
    public static string UserNameOf(in ReadOnlySequence<byte> connect)
    {
        ReadOnlySpan<byte> body = connect.IsSingleSegment ? connect.FirstSpan : connect.ToArray();
        if (!TryText(ref body, out _) || body.Length < 4)
            return "";
        var (isMqtt5, flags) = (body[0] == 5, body[1]);
        body = body[4..];
        if (!TryProperties(ref body, isMqtt5) || !TryText(ref body, out _))
            return "";
        if ((flags & 4) != 0 && (!TryProperties(ref body, isMqtt5) || !TryText(ref body, out _) || !TryText(ref body, out _)))
            return ""; // a will
        return (flags & 0x80) != 0 && TryText(ref body, out var name) ? System.Text.Encoding.UTF8.GetString(name) : "";
    }

    private static bool TryProperties(ref ReadOnlySpan<byte> body, bool isMqtt5)
    {
        if (!isMqtt5)
            return true;
        if (!TryLength(ref body, out var length) || length > body.Length)
            return false;
        body = body[length..];
        return true;
    }

    private static string? RefuseConnect(ReadOnlySpan<byte> body)
    {
        // Protocol name, level, flags, keep-alive; then the client id, behind the properties in MQTT 5.
        if (!TryText(ref body, out _) || body.Length < 4)
            return "CONNECT without a protocol";
        return (body[1] & 1) != 0 ? "CONNECT with its reserved flag" : null;
    }

    private static string? RefusePublish(int flags, ReadOnlySpan<byte> body, out Delivery delivery)
    {
        var qos = (flags >> 1) & 3;
        var dup = (flags & 8) != 0;
        delivery = new Delivery(qos, dup, 0);
        if (qos == 3)
            return "PUBLISH at QoS 3";
        if (dup && qos == 0)
            return "PUBLISH at QoS 0 that says it is sent again";
        if (!TryText(ref body, out var topic))
            return "PUBLISH without a topic";
        if (!IsText(topic))
            return "a topic that is no text";
        if (qos == 0)
            return null;
        if (Id(body) is not { } id)
            return $"PUBLISH at QoS {qos} with packet id 0";
        delivery = new Delivery(qos, dup, id);
        return null;
    }

    private static string? RefuseFilters(ReadOnlySpan<byte> body, bool isMqtt5, bool options)
    {
        if (!TryProperties(ref body, isMqtt5))
            return "properties that break off";
        if (body.IsEmpty)
            return "SUBSCRIBE or UNSUBSCRIBE to nothing";
        while (!body.IsEmpty)
        {
            if (!TryText(ref body, out var filter) || (options && body.IsEmpty))
                return "a topic filter that breaks off";
            if (!IsText(filter))
                return "a topic filter that is no text";
            if (options)
                body = body[1..];
        }

        return null;
    }

    /// <summary>MQTT 5 §1.5.4: well-formed UTF-8, so no half surrogates, and no NUL.</summary>
    private static bool IsText(ReadOnlySpan<byte> bytes) => !bytes.Contains((byte)0) && Utf8.IsValid(bytes);

    private static bool TryText(ref ReadOnlySpan<byte> body, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (body.Length < 2)
            return false;
        var length = BinaryPrimitives.ReadUInt16BigEndian(body);
        if (body.Length < 2 + length)
            return false;
        text = body.Slice(2, length);
        body = body[(2 + length)..];
        return true;
    }

    private static bool TryLength(ref ReadOnlySpan<byte> body, out int length)
    {
        length = 0;
        for (var i = 0; i < 4 && i < body.Length; i++)
        {
            length |= (body[i] & 0x7F) << (7 * i);
            if ((body[i] & 0x80) != 0)
                continue;
            body = body[(i + 1)..];
            return true;
        }

        return false;
    }

    private static ushort? Id(ReadOnlySpan<byte> body) =>
        body.Length >= 2 && BinaryPrimitives.ReadUInt16BigEndian(body) is var id and > 0 ? id : null;
}
