using System.Buffers.Binary;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>The body of a JT/T 808 message, by its id.</summary>
internal static class Jt808Message
{
    /// <param name="id">Which message.</param>
    /// <param name="body">Its body, without the header.</param>
    /// <param name="is2019">By the 2019 edition.</param>
    /// <param name="cut">Only the first parts of it are there.</param>
    /// <param name="into">Where readings go.</param>
    /// <returns>Null when understood, else why it was refused.</returns>
    public static Wording? Read(ushort id, ReadOnlySpan<byte> body, bool is2019, bool cut, DecodedPayload into)
    {
        switch (id)
        {
            case 0x0200:
                return Jt808Position.Read(body, is2019, ReadingFlags.None, into);
            case 0x0201 or 0x0500: // the serial number of the request stands before the position
                return body.Length < 2
                    ? new Wording("the reply is cut off", "应答不完整")
                    : Jt808Position.Read(body[2..], is2019, ReadingFlags.None, into);
            case 0x0704:
                return Batch(body, is2019, cut, into);
            case 0x0002:
                into.Add(Metric.Online, 1);
                return null;
            default:
                return null; // registration, authentication, media…: no readings
        }
    }

    /// <summary>0x0704: count, kind (0 normal, 1 back-fill after a gap in coverage), then each position behind its length.</summary>
    private static Wording? Batch(ReadOnlySpan<byte> body, bool is2019, bool cut, DecodedPayload into)
    {
        if (body.Length < 3)
            return new Wording("the batch is cut off", "批量数据不完整");
        var flags = body[2] == 1 ? ReadingFlags.History : ReadingFlags.None;
        body = body[3..];
        Wording? why = null;
        var read = 0;
        while (body.Length >= 2)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(body);
            if (body.Length < 2 + length)
            {
                if (!cut)
                    why ??= new Wording("a position of the batch is cut off", "批量数据中有一条位置不完整");
                break;
            }

            if (Jt808Position.Read(body.Slice(2, length), is2019, flags, into) is { } reason)
                why ??= reason;
            else
                read++;
            body = body[(2 + length)..];
        }

        return read > 0 ? null : why;
    }
}
