using Vigil.Model;

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
}
