using Vigil.Model;

namespace Vigil.Rules;

/// <summary>Which alarm kinds are held back during an outage, and which look at the hours of their rule themselves.</summary>
internal static class Outages
{
    /// <summary>A broken main or feeder may explain it.</summary>
    public static bool HoldsBack(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.NoWater)
        || ReferenceEquals(kind, AlarmKind.NoElectricity)
        || ReferenceEquals(kind, AlarmKind.Inactivity)
        || ReferenceEquals(kind, AlarmKind.DeviceSilent);

    /// <summary>Kinds whose rules check their own hours; findings of the others are held back until the hours begin.</summary>
    public static bool ChecksItsHours(AlarmKind kind) =>
        ReferenceEquals(kind, AlarmKind.NoWater)
        || ReferenceEquals(kind, AlarmKind.NoElectricity)
        || ReferenceEquals(kind, AlarmKind.Inactivity)
        || ReferenceEquals(kind, AlarmKind.NotBack)
        || ReferenceEquals(kind, AlarmKind.Wandering)
        || ReferenceEquals(kind, AlarmKind.VitalSign)
        || ReferenceEquals(kind, AlarmKind.ColdHome)
        || ReferenceEquals(kind, AlarmKind.HotHome)
        || ReferenceEquals(kind, AlarmKind.DoorOpen)
        || ReferenceEquals(kind, AlarmKind.OutOfBed);
}
