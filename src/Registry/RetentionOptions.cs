using System.ComponentModel.DataAnnotations;
using Vigil.Model;

namespace Vigil.Registry;

/// <summary>
/// Section <c>Retention</c>: for how many days what is told of people is kept; 0: for ever. What the defaults stand on is in
/// docs/security.md.
/// </summary>
public sealed class RetentionOptions
{
    public const string Section = "Retention";

    private const int Longest = 36_500;

    /// <summary>Vital signs and other measurements of the body.</summary>
    [Range(0, Longest)]
    public int HealthDays { get; set; } = 365;

    /// <summary>Where people were.</summary>
    [Range(0, Longest)]
    public int WhereaboutsDays { get; set; } = 30;

    /// <summary>Water, electricity, movement, doors, beds, climate: raw readings.</summary>
    [Range(0, Longest)]
    public int UseDays { get; set; } = 400;

    /// <summary>Presses, falls, calls for help, smoke, gas.</summary>
    [Range(0, Longest)]
    public int PressDays { get; set; } = 1095;

    /// <summary>Battery, signal and the like.</summary>
    [Range(0, Longest)]
    public int DeviceDays { get; set; } = 400;

    /// <summary>What a home used each day (litres, kWh, first and last use).</summary>
    [Range(0, Longest)]
    public int DailyUseDays { get; set; } = 1095;

    /// <summary>Messages and calls to people, with address and text.</summary>
    [Range(0, Longest)]
    public int NoticeDays { get; set; } = 1095;

    /// <summary>Payloads that could not be read; the newest 10,000 at most in any case.</summary>
    [Range(0, Longest)]
    public int RejectedDays { get; set; } = 90;

    /// <summary>
    /// How long after a refusal or withdrawal what was stored for that purpose is deleted: time to mend a mistake of whoever wrote it down.
    /// 0: in the next night. Until then it is neither shown nor judged.
    /// </summary>
    [Range(0, 30)]
    public int WithdrawnDays { get; set; } = 7;

    public int DaysOf(DataClass data) =>
        data switch
        {
            DataClass.Health => HealthDays,
            DataClass.Whereabouts => WhereaboutsDays,
            DataClass.Use => UseDays,
            DataClass.Presses => PressDays,
            _ => DeviceDays,
        };
}
