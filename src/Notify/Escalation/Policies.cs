using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// The escalation policies in force, from <c>config/policies.yaml</c>. Whoever holds them has those of a changed file too (<see
/// cref="Use"/>). Thread-safe.
/// </summary>
public sealed class Policies
{
    private volatile IReadOnlyList<Policy> policies;

    private Policies(IReadOnlyList<Policy> policies) => this.policies = policies;

    public IReadOnlyList<Policy> All => policies;

    /// <summary>Puts the policies of a changed file into force.</summary>
    public void Use(Policies changed) => policies = changed.policies;

    /// <summary>The first that fits; every severity has one, the file was checked for it.</summary>
    public Policy For(AlarmFacts alarm) => policies.First(p => p.Fits(alarm));

    /// <summary>
    /// The policy in force now for an alarm: its times (seen well by, quiet hours…) are those of the file in force, while its steps were
    /// fixed when it opened.
    /// </summary>
    public Policy For(Alarm alarm, Resident? resident, TimeZoneInfo zone) =>
        For(
            new AlarmFacts(
                alarm.Severity,
                alarm.Kind,
                alarm.Area,
                alarm.ResidentId,
                resident?.KeyClass,
                TimeOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(alarm.OpenedAt, zone))
            )
        );

    /// <summary>The same where the resident's class and the hour are not known.</summary>
    public Policy For(Severity severity, string kind, string area, string? resident) => For(new AlarmFacts(severity, kind, area, resident));

    /// <summary>Reads a policies file; null, with all its problems, when it can't be used.</summary>
    public static Policies? Load(string path, List<Problem> problems) =>
        PoliciesFile.Read(path, problems) is { } found ? new Policies(found) : null;

    /// <summary>The plan of an alarm as rows; the first step is due now.</summary>
    public static List<EscalationStep> Plan(Policy policy, Guid alarm, DateTime now, Func<Guid> id)
    {
        var rows = new List<EscalationStep>();
        var due = now;
        foreach (var step in policy.Steps)
        {
            for (var i = 0; i < step.Repeat; i++)
            {
                rows.Add(
                    new EscalationStep
                    {
                        Id = id(),
                        AlarmId = alarm,
                        Order = rows.Count + 1,
                        To = step.To,
                        Via = step.Via,
                        DueAt = due,
                        WaitSeconds = (int)step.Wait.TotalSeconds,
                    }
                );
                due += step.Wait;
            }
        }

        return rows;
    }
}
