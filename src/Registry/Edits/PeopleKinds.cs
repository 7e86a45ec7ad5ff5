using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry.Edits;

internal sealed class VisitorKind : RecordKind<Visitor>
{
    /// <summary>Who is named of those who still need somebody.</summary>
    internal const int Named = 5;

    public override IReadOnlyList<EditedField> Fields { get; } =
    [
        Field("id", "id", v => v.Id) with
        {
            OnlyNew = true,
        },
        Field("name", "name", v => v.Name),
        Field("area", "area", v => v.Area, FieldInput.Area),
        Field("phone", "phone", v => v.Phone, FieldInput.Phone),
        Field("mail", "mail", v => v.Mail),
        Field("language", "language", v => v.Language, FieldInput.Language),
        Field("awayFrom", "away from", v => v.AwayFrom, FieldInput.Date, FieldGroup.Away),
        Field("awayUntil", "away until", v => v.AwayUntil, FieldInput.Date, FieldGroup.Away),
        Field("substituteId", "substitute", v => v.SubstituteId, FieldInput.Person, FieldGroup.Away),
    ];

    internal override ImportKind Import => ImportKind.Visitor;

    private protected override string Id(Visitor record) => record.Id;

    private protected override string Subject(Visitor record) => $"visitor:{record.Id}";

    internal override async Task<object?> FindAsync(RecordsDb db, string id, string? owner, CancellationToken cancellation)
    {
        await LockAsync(db, "Visitors", "Id", id, cancellation);
        return await db.Visitors.FirstOrDefaultAsync(v => v.Id == id, cancellation);
    }

    internal override Task<object?> MakeAsync(EditTurn turn, string id, string? owner, CancellationToken cancellation) =>
        Task.FromResult<object?>(new Visitor { Id = id, Name = "" });

    internal override Task<bool> IsTakenAsync(RecordsDb db, string id, CancellationToken cancellation) =>
        db.Visitors.IgnoreQueryFilters().AnyAsync(v => v.Id == id, cancellation);

    /// <summary>A town's visitor who visits in a village is seen there, and changed by the town.</summary>
    internal override Task<bool> IsOwnAsync(EditTurn turn, object record, CancellationToken cancellation) =>
        Task.FromResult(((Visitor)record).Area.StartsWith(turn.By.Area, StringComparison.Ordinal));

    internal override void Read(RegistryRow row, object record, WholeFile whole)
    {
        CheckId(row, "id", ((Visitor)record).Id);
        PeopleCells.Visitor(row, (Visitor)record, whole);
    }

    internal override async Task CheckAsync(EditTurn turn, RegistryRow row, object record, CancellationToken cancellation)
    {
        if (
            ((Visitor)record).SubstituteId is { } id
            && row.Has("substitute")
            && !await turn.Db.Visitors.AnyAsync(v => v.Id == id, cancellation)
        )
            row.Wrong("substitute", id, new Wording("is no visitor of the registry", "登记中没有此编号的探访人"));
    }

    internal override async Task<Wording?> NeededAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        var id = ((Visitor)record).Id;
        // Those of other areas too: the visitor would be taken from them.
        var all = await turn.Db.Residents.IgnoreQueryFilters().CountAsync(r => r.VisitorId == id, cancellation);
        if (all > 0)
        {
            var named = await turn
                .Db.Residents.Where(r => r.VisitorId == id)
                .OrderBy(r => r.Id)
                .Take(Named)
                .Select(r => r.Name + " " + r.Id)
                .ToListAsync(cancellation);
            return new Wording(
                $"still visits {all} residents, among them {string.Join(", ", named)}: name another visitor for them first",
                $"仍负责探访 {all} 位服务对象（{string.Join("、", named)}{(all > named.Count ? "等" : "")}），请先为其改派探访人"
            );
        }

        var stands = await turn
            .Db.Visitors.IgnoreQueryFilters()
            .Where(v => v.SubstituteId == id)
            .Take(Named)
            .Select(v => v.Name + " " + v.Id)
            .ToListAsync(cancellation);
        return stands.Count == 0 ? null : StandsIn(stands);
    }

    internal override async Task RemoveAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        var who = SubjectOf(record);
        await turn.Db.Shifts.Where(s => s.Who == who).ExecuteDeleteAsync(cancellation);
        await base.RemoveAsync(turn, record, cancellation);
    }

    internal static Wording StandsIn(IReadOnlyCollection<string> whom) =>
        new(
            $"stands in for {string.Join(", ", whom)}: name another substitute first",
            $"是{string.Join("、", whom)}的替班人，请先改派替班人"
        );
}

internal sealed class OfficerKind : RecordKind<DutyOfficer>
{
    public override IReadOnlyList<EditedField> Fields { get; } =
    [
        Field("id", "id", o => o.Id) with
        {
            OnlyNew = true,
        },
        Field("name", "name", o => o.Name),
        Field("supervisor", "record", o => o.Supervisor ? "主管" : "值班", FieldInput.Flag),
        Field("area", "area", o => o.Area, FieldInput.Area),
        Field("phone", "phone", o => o.Phone, FieldInput.Phone),
        Field("mail", "mail", o => o.Mail),
        Field("webhook", "webhook", o => o.Webhook),
        Field("language", "language", o => o.Language, FieldInput.Language),
        Field("awayFrom", "away from", o => o.AwayFrom, FieldInput.Date, FieldGroup.Away),
        Field("awayUntil", "away until", o => o.AwayUntil, FieldInput.Date, FieldGroup.Away),
        Field("substituteId", "substitute", o => o.SubstituteId, FieldInput.Person, FieldGroup.Away),
    ];

    internal override ImportKind Import => ImportKind.Duty;

    private protected override string Id(DutyOfficer record) => record.Id;

    private protected override string Subject(DutyOfficer record) => $"officer:{record.Id}";

    internal override async Task<object?> FindAsync(RecordsDb db, string id, string? owner, CancellationToken cancellation)
    {
        await LockAsync(db, "DutyOfficers", "Id", id, cancellation);
        return await db.DutyOfficers.FirstOrDefaultAsync(o => o.Id == id, cancellation);
    }

    internal override Task<object?> MakeAsync(EditTurn turn, string id, string? owner, CancellationToken cancellation) =>
        Task.FromResult<object?>(
            new DutyOfficer
            {
                Id = id,
                Name = "",
                Area = "",
            }
        );

    internal override Task<bool> IsTakenAsync(RecordsDb db, string id, CancellationToken cancellation) =>
        db.DutyOfficers.IgnoreQueryFilters().AnyAsync(o => o.Id == id, cancellation);

    internal override void Read(RegistryRow row, object record, WholeFile whole)
    {
        CheckId(row, "id", ((DutyOfficer)record).Id);
        PeopleCells.Officer(row, (DutyOfficer)record, whole);
    }

    internal override async Task CheckAsync(EditTurn turn, RegistryRow row, object record, CancellationToken cancellation)
    {
        if (
            ((DutyOfficer)record).SubstituteId is { } id
            && row.Has("substitute")
            && !await turn.Db.DutyOfficers.AnyAsync(o => o.Id == id, cancellation)
        )
            row.Wrong(
                "substitute",
                id,
                new Wording("is no duty officer or supervisor of the registry", "登记中没有此编号的值班人员或主管")
            );
        // Who is moved away, or becomes something else, leaves a desk as who is removed does.
        var entry = turn.Db.Entry(record);
        if (entry.State is not (EntityState.Modified or EntityState.Unchanged))
            return;
        var was = (DutyOfficer)entry.OriginalValues.ToObject();
        var now = (DutyOfficer)record;
        if (was.Area == now.Area && was.Supervisor == now.Supervisor)
            return;
        if (await DeskNeedsAsync(turn, was, now, cancellation) is { } needed)
            row.Wrong(was.Area == now.Area ? "record" : "area", row[was.Area == now.Area ? "record" : "area"], needed);
    }

    /// <summary>Without the last officer of a desk nobody of it is told of its residents.</summary>
    internal override async Task<Wording?> NeededAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        var officer = (DutyOfficer)record;
        var others = turn.Db.DutyOfficers.IgnoreQueryFilters().AsNoTracking().Where(o => o.Id != officer.Id);
        var stands = await others
            .Where(o => o.SubstituteId == officer.Id)
            .Take(VisitorKind.Named)
            .Select(o => o.Name + " " + o.Id)
            .ToListAsync(cancellation);
        if (stands.Count > 0)
            return VisitorKind.StandsIn(stands);
        return await DeskNeedsAsync(turn, officer, null, cancellation);
    }

    /// <summary>Whose only officer or supervisor it would be no longer; null where there are others.</summary>
    private static async Task<Wording?> DeskNeedsAsync(
        EditTurn turn,
        DutyOfficer officer,
        DutyOfficer? becomes,
        CancellationToken cancellation
    )
    {
        var others = turn.Db.DutyOfficers.IgnoreQueryFilters().AsNoTracking().Where(o => o.Id != officer.Id);
        var desks = await others.Where(o => o.Supervisor == officer.Supervisor).Select(o => o.Area).Distinct().ToListAsync(cancellation);
        if (becomes?.Supervisor == officer.Supervisor)
            desks.Add(becomes.Area);
        if (desks.Exists(d => officer.Area.StartsWith(d, StringComparison.Ordinal)))
            return null;
        var left = turn.Db.Residents.Where(r => r.Area.StartsWith(officer.Area));
        foreach (var desk in desks.Where(d => d.StartsWith(officer.Area, StringComparison.Ordinal)))
            left = left.Where(r => !r.Area.StartsWith(desk));
        var many = await left.CountAsync(cancellation);
        if (many == 0)
            return null;
        var word = ImportChanges.Word(officer.Supervisor ? ImportKind.Supervisor : ImportKind.Duty);
        return new Wording(
            $"is the only {word.En} that {many} residents of area {officer.Area} have: add another one first",
            $"是区域 {officer.Area} 内 {many} 位服务对象唯一的{word.Zh}人员，请先添加其他人员"
        );
    }

    internal override async Task RemoveAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        var who = SubjectOf(record);
        await turn.Db.Shifts.Where(s => s.Who == who).ExecuteDeleteAsync(cancellation);
        await base.RemoveAsync(turn, record, cancellation);
    }
}

/// <summary>A line of the rota of an officer or a visitor: <c>officer:d1</c>, <c>visitor:v1</c>.</summary>
internal sealed class ShiftKind : RecordKind<Shift>
{
    public override IReadOnlyList<EditedField> Fields { get; } =
    [
        Field("days", "days", s => ShiftCells.Days(s.Days)),
        Field("hours", "hours", s => ShiftCells.Hours(s.From, s.Until)),
        Field("firstDay", "first day", s => s.FirstDay, FieldInput.Date),
        Field("lastDay", "last day", s => s.LastDay, FieldInput.Date),
    ];

    internal override ImportKind Import => ImportKind.DutyShift;

    internal override string NameOf(object record) =>
        $"shift {ShiftCells.Days(((Shift)record).Days)} {ShiftCells.Hours(((Shift)record).From, ((Shift)record).Until)}";

    private protected override string Id(Shift record) => record.Id.ToString();

    private protected override string Subject(Shift record) => record.Who;

    internal override async Task<object?> FindAsync(RecordsDb db, string id, string? owner, CancellationToken cancellation)
    {
        if (
            !Guid.TryParse(id, out var guid)
            || await db.Shifts.AsNoTracking().FirstOrDefaultAsync(s => s.Id == guid, cancellation) is not { } seen
        )
            return null;
        await PersonAsync(db, seen.Who, cancellation);
        return await db.Shifts.FirstOrDefaultAsync(s => s.Id == guid, cancellation);
    }

    internal override async Task<object?> MakeAsync(EditTurn turn, string id, string? owner, CancellationToken cancellation) =>
        owner is null || await PersonAsync(turn.Db, owner, cancellation) is null
            ? null
            : new Shift { Id = Guid.CreateVersion7(new DateTimeOffset(turn.Now)), Who = owner };

    internal override async Task<bool> IsOwnAsync(EditTurn turn, object record, CancellationToken cancellation) =>
        (await PersonAsync(turn.Db, ((Shift)record).Who, cancellation))?.StartsWith(turn.By.Area, StringComparison.Ordinal) == true;

    internal override void Read(RegistryRow row, object record, WholeFile whole) => ShiftCells.Shift(row, (Shift)record);

    /// <summary>The area of whose it is, and nobody else changes that person's shifts; null where there is nobody.</summary>
    private static async Task<string?> PersonAsync(RecordsDb db, string who, CancellationToken cancellation)
    {
        var at = who.IndexOf(':', StringComparison.Ordinal);
        var (kind, id) = at < 0 ? ("", who) : (who[..at], who[(at + 1)..]);
        if (kind == "officer")
        {
            await LockAsync(db, "DutyOfficers", "Id", id, cancellation);
            return await db.DutyOfficers.Where(o => o.Id == id).Select(o => o.Area).FirstOrDefaultAsync(cancellation);
        }

        if (kind != "visitor")
            return null;
        await LockAsync(db, "Visitors", "Id", id, cancellation);
        return await db.Visitors.Where(v => v.Id == id).Select(v => v.Area).FirstOrDefaultAsync(cancellation);
    }
}

internal sealed class AreaKind : RecordKind<Area>
{
    public override IReadOnlyList<EditedField> Fields { get; } =
    [Field("code", "area", a => a.Code, FieldInput.Area) with { OnlyNew = true }, Field("name", "name", a => a.Name)];

    internal override ImportKind Import => ImportKind.Area;

    private protected override string Id(Area record) => record.Code;

    private protected override string Subject(Area record) => $"area:{record.Code}";

    internal override async Task<object?> FindAsync(RecordsDb db, string id, string? owner, CancellationToken cancellation)
    {
        await LockAsync(db, "Areas", "Code", id, cancellation);
        return await db.Areas.FirstOrDefaultAsync(a => a.Code == id, cancellation);
    }

    internal override Task<object?> MakeAsync(EditTurn turn, string id, string? owner, CancellationToken cancellation) =>
        Task.FromResult<object?>(new Area { Code = id, Name = "" });

    internal override Task<bool> IsTakenAsync(RecordsDb db, string id, CancellationToken cancellation) =>
        db.Areas.IgnoreQueryFilters().AnyAsync(a => a.Code == id, cancellation);

    /// <summary>The areas above one's own are seen, and others' to change.</summary>
    internal override Task<bool> IsOwnAsync(EditTurn turn, object record, CancellationToken cancellation) =>
        Task.FromResult(((Area)record).Code.StartsWith(turn.By.Area, StringComparison.Ordinal));

    internal override void Read(RegistryRow row, object record, WholeFile whole)
    {
        var area = (Area)record;
        if (row.Has("area") && area.Code.Length > 0)
            PeopleCells.IsCode(row, area.Code);
        PeopleCells.Area(row, area);
    }

    internal override async Task<Wording?> NeededAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        var code = ((Area)record).Code;
        var residents = await turn.Db.Residents.CountAsync(r => r.Area.StartsWith(code), cancellation);
        var people =
            await turn.Db.DutyOfficers.CountAsync(o => o.Area.StartsWith(code), cancellation)
            + await turn.Db.Visitors.CountAsync(v => v.Area.StartsWith(code), cancellation);
        var areas = await turn.Db.Areas.CountAsync(a => a.Code != code && a.Code.StartsWith(code), cancellation);
        return residents + people + areas == 0
            ? null
            : new Wording(
                $"still has {residents} residents, {people} officers and visitors and {areas} areas within it",
                $"仍有 {residents} 位服务对象、{people} 位值班或探访人员、{areas} 个下级区划"
            );
    }
}
