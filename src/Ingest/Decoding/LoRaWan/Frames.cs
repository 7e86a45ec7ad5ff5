using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// The frames of one model as its profile describes them (<c>frames:</c>): by port, length and fixed bytes; then fields, and behind them a
/// chain of items (a key of one to three bytes, a value of known length). A frame that fits none of them, or is too short for its fields,
/// is refused before anything is read from it.
/// </summary>
internal sealed class Frames
{
    private readonly Frame[] frames;

    private Frames(Frame[] frames) => this.frames = frames;

    public static Frames? Read(YamlSection profile)
    {
        if (!profile.Has("frames"))
            return null;
        var found = new List<Frame>();
        foreach (var section in profile.Sections("frames"))
        {
            found.Add(Frame.Read(section));
            section.NoOthers();
        }

        return new Frames([.. found]);
    }

    public Wording? Decode(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        bool portFits = false,
            bytesFit = false;
        foreach (var frame in frames)
        {
            if (!frame.FitsPort(port))
                continue;
            portFits = true;
            if (!frame.FitsBytes(bytes))
                continue;
            bytesFit = true;
            if (frame.FitsLength(bytes.Length))
                return frame.Decode(bytes, time, into);
        }

        if (!portFits)
        {
            var known = frames.SelectMany(f => f.Ports).Distinct().ToList();
            return new Wording(
                $"unknown FPort: port {port}, this model reports on port {string.Join(", ", known)}",
                $"端口 {port} 不对：该型号通过端口 {string.Join("、", known)} 上报"
            );
        }

        if (bytesFit)
            return new Wording(
                $"Wrong payload length: {bytes.Length} bytes are not this frame of the model",
                $"长度不对：该型号的这种帧不是 {bytes.Length} 字节"
            );
        var start = Convert.ToHexStringLower(bytes[..Math.Min(bytes.Length, 4)]);
        return new Wording($"no frame of this model begins with {start}", $"该型号没有以 {start} 开头的帧");
    }
}
