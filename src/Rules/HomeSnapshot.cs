using Vigil.Model;

namespace Vigil.Rules;

/// <summary>The state of one home as bytes.</summary>
internal static class HomeSnapshot
{
    public static void Write(BinaryWriter w, Home home)
    {
        w.Write(home.Id);
        w.Write(home.EndedAbsence);
        w.Write(home.LastActivity);
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
            d.Cadence.Write(w);
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

        UseSnapshot.Write(w, home.Water);
        UseSnapshot.Write(w, home.Electricity);
        w.Write(home.Life is not null);
        home.Life?.Write(w);
    }

    public static void Read(BinaryReader r, Home home, bool wide)
    {
        home.EndedAbsence = r.ReadInt64();
        home.LastActivity = r.ReadInt64();
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
                Cadence = Cadence.Read(r),
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

        home.Water = UseSnapshot.Read(r, Inactivity.LifeMeter.Water);
        home.Electricity = UseSnapshot.Read(r, Inactivity.LifeMeter.Electricity);
        if (r.ReadBoolean())
            (home.Life = new Inactivity.HomeLife()).Read(r, wide); // its settings come with the rules before it is next judged
        home.QueuedDue = long.MaxValue;
    }

    private static Metric MetricOf(string name) =>
        Metric.TryParse(name, out var metric)
            ? metric
            : throw new InvalidDataException($"the snapshot names a metric '{name}' that is not known");
}
