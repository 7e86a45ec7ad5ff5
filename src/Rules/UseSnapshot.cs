using System.Runtime.InteropServices;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>What a home's use of one utility is remembered by, as bytes.</summary>
internal static class UseSnapshot
{
    public static void Write(BinaryWriter w, UseTracker? use)
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

        w.Write7BitEncodedInt(use.UseCount);
        for (var i = 0; i < use.UseCount; i++)
        {
            w.Write(use.Uses[i].Time);
            w.Write(use.Uses[i].Amount);
        }

        w.Write(use.UseSum);
        w.Write(MemoryMarshal.AsBytes((ReadOnlySpan<float>)use.Slot));
        w.Write(use.SlotIndex);
        w.Write(use.SlotLength);
        w.Write(use.ImpreciseUntil);
        w.Write(use.CountedFrom);
        w.Write(use.ReportedUntil);
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

    public static UseTracker? Read(BinaryReader r, Inactivity.LifeMeter meter)
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

        use.UseCount = r.Read7BitEncodedInt();
        use.Uses = new Use[use.UseCount];
        for (var i = 0; i < use.UseCount; i++)
            use.Uses[i] = new Use { Time = r.ReadInt64(), Amount = r.ReadDouble() };
        use.UseSum = r.ReadDouble();
        r.ReadExactly(MemoryMarshal.AsBytes((Span<float>)use.Slot));
        use.SlotIndex = r.ReadInt64();
        use.SlotLength = r.ReadInt64();
        use.ImpreciseUntil = r.ReadInt64();
        use.CountedFrom = r.ReadInt64();
        use.ReportedUntil = r.ReadInt64();
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
        use.Pattern = new Inactivity.LifePattern(meter); // its settings come with the rules before it is first used
        use.Pattern.Read(r);
        return use;
    }
}
