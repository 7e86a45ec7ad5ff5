using System.Runtime.InteropServices;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>All state of a partition as bytes: what is learned and what is open, not what the registry knows.</summary>
internal static class Snapshot
{
    private const uint Magic = 0x4C474956; // "VIGL"
    private const int Version = 3;

    public static void Write(
        Stream stream,
        long ticked,
        long ahead,
        List<(long From, long Until)> deaf,
        IReadOnlyCollection<Home> homes,
        IReadOnlyCollection<Village> villages
    )
    {
        using var buffered = new BufferedStream(new NoClose(stream), 1 << 16);
        using var w = new BinaryWriter(buffered, System.Text.Encoding.UTF8, leaveOpen: true);
        w.Write(Magic);
        w.Write(Version);
        w.Write(ticked);
        w.Write(ahead);
        w.Write(deaf.Count);
        foreach (var (from, until) in deaf)
        {
            w.Write(from);
            w.Write(until);
        }

        w.Write(homes.Count);
        foreach (var home in homes)
            Write(w, home);
        w.Write(villages.Count(v => v.OutageSince != 0));
        foreach (var v in villages)
            if (v.OutageSince != 0)
                v.Write(w);
        w.Flush();
    }

    public static (long Ticked, long Ahead) Read(
        Stream stream,
        List<(long From, long Until)> deaf,
        Func<string, Home> homeOf,
        Func<string, Village> villageOf
    )
    {
        using var r = new BinaryReader(new BufferedStream(new NoClose(stream), 1 << 16), System.Text.Encoding.UTF8);
        try
        {
            if (r.ReadUInt32() != Magic)
                throw new InvalidDataException("not a snapshot of the rules' state");
            if (r.ReadInt32() is var version && version != Version)
                throw new InvalidDataException($"snapshot of version {version}, this program reads {Version}");
            var (ticked, ahead) = (r.ReadInt64(), r.ReadInt64());
            deaf.Clear();
            for (var n = r.ReadInt32(); n > 0; n--)
                deaf.Add((r.ReadInt64(), r.ReadInt64()));
            for (var n = r.ReadInt32(); n > 0; n--)
                Read(r, homeOf(r.ReadString()));
            for (var n = r.ReadInt32(); n > 0; n--)
                villageOf(r.ReadString()).Read(r);
            return (ticked, ahead);
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidDataException("the snapshot ends too early", e);
        }
    }

    private static void Write(BinaryWriter w, Home home)
    {
        w.Write(home.Id);
        w.Write(home.AbsenceOver);
        w.Write(home.LifeAt);
        w.Write7BitEncodedInt(home.DeviceCount);
        for (var i = 0; i < home.DeviceCount; i++)
        {
            ref var d = ref home.Devices[i];
            w.Write(d.Id);
            w.Write(d.Installed);
            w.Write(d.ReportEvery);
            w.Write(d.Received);
            w.Write(d.Meter);
            w.Write(d.Registered);
            w.Write(d.GoodClock);
        }

        w.Write7BitEncodedInt(home.SeriesCount);
        for (var i = 0; i < home.SeriesCount; i++)
        {
            ref var s = ref home.Series[i];
            w.Write7BitEncodedInt(s.Device);
            w.Write(s.Metric.Name);
            w.Write(s.Channel);
            w.Write(s.Time);
            w.Write(s.Value);
            w.Write(s.Since);
            w.Write(s.Due);
            w.Write(s.Extra);
            w.Write7BitEncodedInt(s.Events?.Length ?? 0);
            foreach (var e in s.Events ?? [])
                w.Write(e);
        }

        w.Write7BitEncodedInt(home.EpisodeCount);
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            ref var e = ref home.Episodes[i];
            w.Write(e.Kind.Name);
            w.Write(e.Device);
            w.Write(e.Series);
            w.Write(e.Start);
            w.Write(e.Opened);
            w.Write(e.Again);
            w.Write(e.Sequence);
            w.Write((byte)e.Severity);
            w.Write(e.HeldUntil);
        }

        Write(w, home.Water);
        Write(w, home.Electricity);
    }

    private static void Read(BinaryReader r, Home home)
    {
        home.AbsenceOver = r.ReadInt64();
        home.LifeAt = r.ReadInt64();
        home.DeviceCount = r.Read7BitEncodedInt();
        home.Devices = new DeviceState[home.DeviceCount];
        for (var i = 0; i < home.DeviceCount; i++)
        {
            home.Devices[i] = new DeviceState
            {
                Id = r.ReadString(),
                Installed = r.ReadInt64(),
                ReportEvery = r.ReadInt64(),
                Received = r.ReadInt64(),
                Meter = r.ReadBoolean(),
                Registered = r.ReadBoolean(),
                GoodClock = r.ReadByte(),
            };
        }

        home.SeriesCount = r.Read7BitEncodedInt();
        home.Series = new Series[home.SeriesCount];
        for (var i = 0; i < home.SeriesCount; i++)
        {
            var s = new Series
            {
                Device = r.Read7BitEncodedInt(),
                Metric = MetricOf(r.ReadString()),
                Channel = string.Intern(r.ReadString()),
                Time = r.ReadInt64(),
                Value = r.ReadDouble(),
                Since = r.ReadInt64(),
                Due = r.ReadInt64(),
                Extra = r.ReadDouble(),
            };
            var events = r.Read7BitEncodedInt();
            if (events > 0)
                s.Events = new long[events];
            for (var e = 0; e < events; e++)
                s.Events![e] = r.ReadInt64();
            home.Series[i] = s;
        }

        home.EpisodeCount = r.Read7BitEncodedInt();
        home.Episodes = new Episode[home.EpisodeCount];
        for (var i = 0; i < home.EpisodeCount; i++)
        {
            home.Episodes[i] = new Episode
            {
                Kind = AlarmKind.Parse(r.ReadString()),
                Device = r.ReadInt32(),
                Series = r.ReadInt32(),
                Start = r.ReadInt64(),
                Opened = r.ReadInt64(),
                Again = r.ReadInt64(),
                Sequence = r.ReadInt32(),
                Severity = (Severity)r.ReadByte(),
                HeldUntil = r.ReadInt64(),
            };
        }

        home.Water = ReadUse(r, Inactivity.LifeMeter.Water);
        home.Electricity = ReadUse(r, Inactivity.LifeMeter.Electricity);
        home.QueuedDue = long.MaxValue;
    }

    private static void Write(BinaryWriter w, UseTracker? use)
    {
        w.Write(use is not null);
        if (use is null)
            return;
        w.Write7BitEncodedInt(use.Registers.Length);
        foreach (ref var g in use.Registers.AsSpan())
        {
            w.Write7BitEncodedInt(g.Series);
            w.Write(g.Total.Time);
            w.Write(g.Total.Value);
            w.Write(g.Total.Candidate);
            w.Write(g.Total.CandidateTime);
            w.Write(g.UsedFrom);
            w.Write(g.UsedFromValue);
        }

        w.Write7BitEncodedInt(use.SipCount);
        for (var i = 0; i < use.SipCount; i++)
        {
            w.Write(use.Sips[i].Time);
            w.Write(use.Sips[i].Amount);
        }

        w.Write(use.SipSum);
        w.Write(MemoryMarshal.AsBytes(use.Slot.AsSpan()));
        w.Write(use.SlotIndex);
        w.Write(use.SlotLength);
        w.Write(use.UnplacedUntil);
        w.Write(use.Floor);
        w.Write(use.Frontier);
        w.Write(use.LastUse);
        w.Write(use.BaseRate);
        w.Write(use.Resumed);
        w.Write(use.RunningSince);
        w.Write(use.DrippingSince);
        w.Write(use.Dripped);
        w.Write(use.Day);
        w.Write(use.DayUse);
        w.Write(use.DayTold);
        w.Write(use.Judged);
        w.Write(use.Pattern is not null);
        use.Pattern?.Write(w);
    }

    private static UseTracker? ReadUse(BinaryReader r, Inactivity.LifeMeter meter)
    {
        if (!r.ReadBoolean())
            return null;
        var use = new UseTracker { Registers = new Register[r.Read7BitEncodedInt()] };
        for (var i = 0; i < use.Registers.Length; i++)
        {
            use.Registers[i] = new Register
            {
                Series = r.Read7BitEncodedInt(),
                Total = new MeterTotal(r.ReadInt64(), r.ReadDouble()) { Candidate = r.ReadDouble(), CandidateTime = r.ReadInt64() },
                UsedFrom = r.ReadInt64(),
                UsedFromValue = r.ReadDouble(),
            };
        }

        use.SipCount = r.Read7BitEncodedInt();
        use.Sips = new Sip[use.SipCount];
        for (var i = 0; i < use.SipCount; i++)
            use.Sips[i] = new Sip { Time = r.ReadInt64(), Amount = r.ReadDouble() };
        use.SipSum = r.ReadDouble();
        r.ReadExactly(MemoryMarshal.AsBytes(use.Slot.AsSpan()));
        use.SlotIndex = r.ReadInt64();
        use.SlotLength = r.ReadInt64();
        use.UnplacedUntil = r.ReadInt64();
        use.Floor = r.ReadInt64();
        use.Frontier = r.ReadInt64();
        use.LastUse = r.ReadInt64();
        use.BaseRate = r.ReadDouble();
        use.Resumed = r.ReadDouble();
        use.RunningSince = r.ReadInt64();
        use.DrippingSince = r.ReadInt64();
        use.Dripped = r.ReadDouble();
        use.Day = r.ReadInt32();
        use.DayUse = r.ReadDouble();
        use.DayTold = r.ReadBoolean();
        use.Judged = r.ReadInt64();
        if (!r.ReadBoolean())
            return use;
        use.Pattern = new Inactivity.LifePattern(meter); // its settings come with the rules, before it is asked anything
        use.Pattern.Read(r);
        return use;
    }

    private static Metric MetricOf(string name) =>
        Metric.TryParse(name, out var metric)
            ? metric
            : throw new InvalidDataException($"the snapshot names a metric '{name}' that is not known");

    /// <summary>The caller's stream stays open.</summary>
    private sealed class NoClose(Stream inner) : Stream
    {
        public override bool CanRead => inner.CanRead;
        public override bool CanSeek => false;
        public override bool CanWrite => inner.CanWrite;
        public override long Length => inner.Length;
        public override long Position
        {
            get => inner.Position;
            set => throw new NotSupportedException();
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override int Read(Span<byte> buffer) => inner.Read(buffer);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

        public override void Write(ReadOnlySpan<byte> buffer) => inner.Write(buffer);
    }
}
