namespace Vigil.Rules;

/// <summary>All state of a partition as bytes: what is learned and which episodes are open, not what the registry holds.</summary>
internal static class Snapshot
{
    private const uint Magic = 0x4C474956; // "VIGL"
    private const int Version = 5;

    /// <summary>With 128 days for each half hour of a home, however few were known.</summary>
    private const int WideVersion = 4;

    public static void Write(
        Stream stream,
        long advancedTo,
        long ahead,
        List<(long From, long Until)> deaf,
        IReadOnlyCollection<Home> homes,
        IReadOnlyCollection<OutageArea> areas
    )
    {
        using var buffered = new BufferedStream(new UnclosedStream(stream), 1 << 16);
        using var w = new BinaryWriter(buffered, System.Text.Encoding.UTF8, leaveOpen: true);
        w.Write(Magic);
        w.Write(Version);
        w.Write(advancedTo);
        w.Write(ahead);
        w.Write(deaf.Count);
        foreach (var (from, until) in deaf)
        {
            w.Write(from);
            w.Write(until);
        }

        w.Write(homes.Count);
        foreach (var home in homes)
            HomeSnapshot.Write(w, home);
        w.Write(areas.Count(v => v.OutageSince != 0));
        foreach (var v in areas)
            if (v.OutageSince != 0)
                v.Write(w);
        w.Flush();
    }

    public static (long Ticked, long Ahead) Read(
        Stream stream,
        List<(long From, long Until)> deaf,
        Func<string, Home> homeOf,
        Func<string, OutageArea> areaOf
    )
    {
        using var r = new BinaryReader(new BufferedStream(new UnclosedStream(stream), 1 << 16), System.Text.Encoding.UTF8);
        try
        {
            if (r.ReadUInt32() != Magic)
                throw new InvalidDataException("not a snapshot of the rules' state");
            if (r.ReadInt32() is var version && version is not (Version or WideVersion))
                throw new InvalidDataException($"snapshot of version {version}, this program reads {WideVersion} and {Version}");
            var (advancedTo, ahead) = (r.ReadInt64(), r.ReadInt64());
            deaf.Clear();
            for (var n = r.ReadInt32(); n > 0; n--)
                deaf.Add((r.ReadInt64(), r.ReadInt64()));
            for (var n = r.ReadInt32(); n > 0; n--)
                HomeSnapshot.Read(r, homeOf(r.ReadString()), wide: version == WideVersion);
            for (var n = r.ReadInt32(); n > 0; n--)
                areaOf(r.ReadString()).Read(r);
            return (advancedTo, ahead);
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidDataException("the snapshot ends too early", e);
        }
    }
}
