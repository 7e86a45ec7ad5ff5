using Vigil.Model;

namespace Vigil.Web.LifeLines;

/// <summary>Somebody was up at a moment.</summary>
public readonly record struct SignOfLife(DateTime Time, DeviceId Device, Metric Metric);
