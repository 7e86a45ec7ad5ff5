using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>A known absence. It ends by itself and never silences SOS, smoke, gas or falls.</summary>
/// <param name="EndedAt">When somebody said that the resident is back.</param>
internal sealed record AbsenceAnswer(
    Guid Id,
    string ResidentId,
    DateTime From,
    DateTime Until,
    string Author,
    string Reason,
    DateTime? EndedAt,
    string EndedBy
)
{
    public static AbsenceAnswer Of(Absence a) => new(a.Id, a.ResidentId, a.From, a.Until, a.Author, a.Reason, a.EndedAt, a.EndedBy);
}

/// <summary>A visit record (Annex 2).</summary>
/// <param name="AlarmId">The alarm for which it was made.</param>
/// <param name="Form">home, phone, video or remote.</param>
internal sealed record VisitAnswer(
    Guid Id,
    string ResidentId,
    string? VisitorId,
    Guid? AlarmId,
    DateTime Time,
    string Form,
    string Condition,
    string Needs,
    string Actions,
    string Notes,
    string Satisfaction,
    string RecordedBy
)
{
    public static VisitAnswer Of(Visit v) =>
        new(
            v.Id,
            v.ResidentId,
            v.VisitorId,
            v.AlarmId,
            v.Time,
            v.Form,
            v.Condition,
            v.Needs,
            v.Actions,
            v.Notes,
            v.Satisfaction,
            v.RecordedBy
        );
}
