using System.Runtime.InteropServices;

namespace Vigil.Rules.Inactivity;

/// <summary>How a pattern is kept in a snapshot.</summary>
public sealed partial class LifePattern
{
    private const byte Version = 2;

    public void Write(BinaryWriter to)
    {
        ArgumentNullException.ThrowIfNull(to);
        to.Write(Version);
        foreach (
            var v in (ReadOnlySpan<long>)
                [first, knownUntil, last, knownToday, pendingFrom, clock.Offset, clock.Hour, dueFor, due, flat, days.Day]
        )
            to.Write(v);
        to.Write(learned);
        to.Write(falseAlarms.Caution);
        to.Write(meters.Waiting);
        to.Write(pendingUse);
        to.Write(days.Usual);
        to.Write(MemoryMarshal.AsBytes(habits.Weights.AsSpan()));
        days.Write(to);
        steady.Write(to);
    }

    /// <exception cref="InvalidDataException">Written by another version: the pattern has to be learned again from the
    /// readings.</exception>
    public void Read(BinaryReader from)
    {
        ArgumentNullException.ThrowIfNull(from);
        if (from.ReadByte() != Version)
            throw new InvalidDataException("a life pattern of another version");
        first = from.ReadInt64();
        knownUntil = from.ReadInt64();
        last = from.ReadInt64();
        knownToday = from.ReadInt64();
        pendingFrom = from.ReadInt64();
        clock.Offset = from.ReadInt64();
        clock.Hour = from.ReadInt64();
        dueFor = from.ReadInt64();
        due = from.ReadInt64();
        flat = from.ReadInt64();
        days.Day = from.ReadInt64();
        learned = from.ReadInt32();
        falseAlarms.Caution = from.ReadDouble();
        meters.Waiting = from.ReadDouble();
        pendingUse = from.ReadDouble();
        days.Usual = from.ReadSingle();
        from.ReadExactly(MemoryMarshal.AsBytes(habits.Weights.AsSpan()));
        days.Read(from);
        steady.Read(from);
    }
}
