using Vigil.Model;

namespace Vigil.Host.Intake;

/// <summary>
/// What of a message of a home is not taken, because the resident has refused it. A position that comes with a press is taken: the person
/// asks for help, and help has to find them. Where monitoring is refused, battery and signal of a device that watches are not taken
/// either: that they were sent tells when somebody moved.
/// </summary>
internal readonly struct WithheldReadings
{
    private readonly Refusals refused;
    private readonly bool called,
        watches;

    /// <param name="refused">By the resident.</param>
    /// <param name="device">Whose readings count: a gateway's message may be of many homes.</param>
    /// <param name="message">All readings of the message.</param>
    public WithheldReadings(Refusals refused, string device, IReadOnlyList<Reading> message)
    {
        this.refused = refused;
        foreach (var reading in message)
        {
            if (reading.Device.Value != device)
                continue;
            called |= ReferenceEquals(reading.Metric, Metric.Button) || ReferenceEquals(reading.Metric, Metric.VoiceHelp);
            watches |= (reading.Metric.EndedBy & refused & Refusals.Monitoring) != 0;
        }
    }

    public bool Holds(Metric metric) =>
        (metric.EndedBy & refused) != 0
            ? !(called && metric.Class == DataClass.Whereabouts)
            : watches && !called && metric.Class == DataClass.Device;
}
