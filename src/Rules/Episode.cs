using Vigil.Model;
using Vigil.Rules.Kinds;

namespace Vigil.Rules;

/// <summary>An open episode of an alarm.</summary>
internal struct Episode
{
    public AlarmKind Kind;
    public int Device;
    public int Series;

    /// <summary>When the condition began, reading time; part of the episode's name.</summary>
    public long Start;

    /// <summary>When the alarm was opened, reading time.</summary>
    public long Opened;

    /// <summary>When it last happened, such as the newest press.</summary>
    public long Again;
    public int Sequence;
    public Severity Severity;

    /// <summary>Held back until then (an outage, the hours of the rule); 0 when people have been told.</summary>
    public long HeldUntil;

    /// <summary>
    /// Its name in the home, unique for good: the silence of a meter and that of the sensors may begin at one moment, and be told after
    /// each other.
    /// </summary>
    public readonly string NameIn(Home home) =>
        Phrases.Episode(
            Kind,
            Start,
            Device >= 0 ? home.Devices[Device].Id
                : !ReferenceEquals(Kind, AlarmKind.Inactivity) ? null
                : Series switch
                {
                    LearnedInactivity.Electricity => "electricity",
                    HomeInactivity.Series => "sensors",
                    _ => null,
                }
        );
}
