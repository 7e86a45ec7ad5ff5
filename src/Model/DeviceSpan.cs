namespace Vigil.Model;

/// <summary>
/// From when until when what a device measures is of one home: it may have been in another before, and be in another since.
/// </summary>
/// <param name="Device">The device.</param>
/// <param name="From">Inclusive, UTC.</param>
/// <param name="Until">Exclusive, UTC.</param>
public readonly record struct DeviceSpan(DeviceId Device, DateTime From, DateTime Until)
{
    /// <summary>All that a device has ever measured.</summary>
    public static implicit operator DeviceSpan(DeviceId device) => Always(device);

    public static DeviceSpan Always(DeviceId device) => new(device, DateTime.MinValue, DateTime.MaxValue);

    /// <summary>It was in no other home.</summary>
    public bool IsAlways => From == DateTime.MinValue && Until == DateTime.MaxValue;

    public bool Covers(DateTime time) => time >= From && time < Until;
}
