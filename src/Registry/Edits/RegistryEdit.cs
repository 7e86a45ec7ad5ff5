using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Registry.Edits;

/// <summary>
/// Changes, adds and removes one record of the registry. What is given passes the import's own checks and field writers, as a row whose
/// headings all clear (<see cref="RegistryRow.Edited"/>); the check of the version that was read, the change and its line in the audit log
/// are one transaction.
/// </summary>
public sealed class RegistryEdit(RecordsFactory records, TimeProvider clock)
{
    private const int Tries = 3;

    /// <summary>How far back it is looked up who changed a record: the day of whoever has it open.</summary>
    private static readonly TimeSpan LooksBack = TimeSpan.FromHours(12);

    /// <param name="kind">What is changed.</param>
    /// <param name="id">Which.</param>
    /// <param name="owner">Whose it has to be: the resident of a contact; null where that is not asked.</param>
    /// <param name="version">That was read.</param>
    /// <param name="fields">By their names; an empty text clears. Others stay.</param>
    /// <param name="by">Who changes it.</param>
    /// <param name="cancellation">Ends it with nothing written.</param>
    public async Task<EditOutcome> ChangeAsync(
        RecordKind kind,
        string id,
        string? owner,
        string version,
        IReadOnlyDictionary<string, string> fields,
        Editor by,
        CancellationToken cancellation
    )
    {
        var unknown = Unknown(kind, fields, isNew: false);
        return await InTurnAsync(
            by,
            async turn =>
            {
                if (await kind.FindAsync(turn.Db, id, owner, cancellation) is not { } record)
                    return new EditOutcome(EditResult.Missing);
                if (!await kind.IsOwnAsync(turn, record, cancellation))
                    return NotYours(turn.Db);
                if (unknown.Count > 0)
                    return new EditOutcome(EditResult.Wrong) { Problems = unknown };
                if (kind.VersionOf(turn.Db.Keys, record) is var now && now != version)
                    return Changed(kind, record, now);
                return await WriteAsync(kind, turn, record, fields, isNew: false, cancellation);
            },
            cancellation
        );
    }

    /// <param name="kind">What is made.</param>
    /// <param name="owner">Whose it is: the resident of a contact, the officer or visitor of a shift.</param>
    /// <param name="fields">By their names, its id or code among them.</param>
    /// <param name="by">Who makes it.</param>
    /// <param name="cancellation">Ends it with nothing written.</param>
    public async Task<EditOutcome> AddAsync(
        RecordKind kind,
        string? owner,
        IReadOnlyDictionary<string, string> fields,
        Editor by,
        CancellationToken cancellation
    )
    {
        var unknown = Unknown(kind, fields, isNew: true);
        return await InTurnAsync(
            by,
            async turn =>
            {
                var name = kind.Fields.FirstOrDefault(f => f.OnlyNew)?.Name;
                var id = name is null ? "" : fields.GetValueOrDefault(name, "").Trim();
                if (await kind.MakeAsync(turn, id, owner, cancellation) is not { } record)
                    return new EditOutcome(EditResult.Missing);
                if (!await kind.IsOwnAsync(turn, record, cancellation) && owner is not null)
                    return NotYours(turn.Db);
                if (unknown.Count > 0)
                    return new EditOutcome(EditResult.Wrong) { Problems = unknown };
                if (name is not null && id.Length == 0)
                    fields = new Dictionary<string, string>(fields) { [name] = "" }; // said with the other mistakes
                else if (await kind.IsTakenAsync(turn.Db, id, cancellation))
                    return new EditOutcome(EditResult.Taken)
                    {
                        Id = id,
                        Why = new Wording($"there is '{id}' already", $"编号“{id}”已被使用"),
                    };
                turn.Db.Add(record);
                return await WriteAsync(kind, turn, record, fields, isNew: true, cancellation);
            },
            cancellation
        );
    }

    /// <param name="kind">What is removed.</param>
    /// <param name="id">Which.</param>
    /// <param name="owner">Whose it has to be; null where that is not asked.</param>
    /// <param name="version">That was read; null: whatever it is now.</param>
    /// <param name="by">Who removes it.</param>
    /// <param name="cancellation">Ends it with nothing written.</param>
    public async Task<EditOutcome> RemoveAsync(
        RecordKind kind,
        string id,
        string? owner,
        string? version,
        Editor by,
        CancellationToken cancellation
    ) =>
        await InTurnAsync(
            by,
            async turn =>
            {
                if (await kind.FindAsync(turn.Db, id, owner, cancellation) is not { } record)
                    return new EditOutcome(EditResult.Missing);
                if (!await kind.IsOwnAsync(turn, record, cancellation))
                    return NotYours(turn.Db);
                if (kind.VersionOf(turn.Db.Keys, record) is var now && version is not null && now != version)
                    return Changed(kind, record, now);
                if (await kind.NeededAsync(turn, record, cancellation) is { } needed)
                    return new EditOutcome(EditResult.Needed) { Id = kind.IdOf(record), Why = needed };
                var changes = new ImportChanges { OfOneRecord = true };
                var row = RegistryRow.Edited(kind.Import, new Dictionary<string, string>(), [], changes);
                foreach (var field in kind.Fields.Where(f => !f.OnlyNew && f.Text(record).Length > 0))
                    changes.Field(row, field.ColumnOf(kind.NumberOf(record)), field.Text(record), "");
                Audit(kind, turn, "remove", kind.SubjectOf(record), kind.NameOf(record), changes);
                await kind.RemoveAsync(turn, record, cancellation);
                return new EditOutcome(EditResult.Done) { Id = id, Changes = changes.Lines };
            },
            cancellation
        );

    /// <summary>The fields in which two states of a record differ, old → new, masked.</summary>
    public static IReadOnlyList<(EditedField Field, Wording Before, Wording After)> Differences(
        RecordKind kind,
        IReadOnlyDictionary<string, string> before,
        IReadOnlyDictionary<string, string> after
    ) =>
        [
            .. kind
                .Fields.Select(f => (Field: f, Before: before.GetValueOrDefault(f.Name, ""), After: after.GetValueOrDefault(f.Name, "")))
                .Where(f => f.Before != f.After)
                .Select(f => (f.Field, f.Field.Masked(f.Before), f.Field.Masked(f.After))),
        ];

    private static async Task<EditOutcome> WriteAsync(
        RecordKind kind,
        EditTurn turn,
        object record,
        IReadOnlyDictionary<string, string> fields,
        bool isNew,
        CancellationToken cancellation
    )
    {
        var (problems, changes, number) = (new List<Problem>(), new ImportChanges { OfOneRecord = true }, kind.NumberOf(record));
        var columns = kind.Fields.Where(f => fields.ContainsKey(f.Name)).ToDictionary(f => f.ColumnOf(number), f => f);
        var cells = columns.ToDictionary(c => c.Key, c => fields[c.Value.Name]);
        // The check of identity numbers knows residents by their ids; of others it is no cell.
        if (kind == RecordKind.Resident)
            cells["id"] = kind.IdOf(record);
        var (name, version) = (kind.NameOf(record), kind.VersionOf(turn.Db.Keys, record));
        var row = RegistryRow.Edited(kind.Import, cells, problems, changes);
        row.StaysWithin(turn.By.Area);
        foreach (var (column, field) in columns)
            if (field.IsShownInPart(cells[column]))
                row.Wrong(
                    column,
                    cells[column],
                    new Wording("is shown in part: show it in full first, or write it anew", "只显示了一部分，请先显示完整内容或重新填写")
                );
        row.Of(kind.Import, known: true, () => kind.Read(row, record, turn.Whole));
        if (!row.ChangesAnything && !isNew && problems.Count == 0)
            return new EditOutcome(EditResult.Done) { Id = kind.IdOf(record), Version = version };
        if (problems.Count == 0)
        {
            await OneAtATimeAsync(turn.Db, cells.GetValueOrDefault("identity"), cancellation);
            await kind.CheckAsync(turn, row, record, cancellation);
            await turn.Whole.CheckAsync(turn.Db, turn.By.Area, cancellation);
            problems.AddRange(turn.Whole.Problems);
        }

        if (problems.Count > 0)
        {
            turn.Db.ChangeTracker.Clear();
            return new EditOutcome(EditResult.Wrong)
            {
                Problems =
                [
                    .. problems
                        .Select(p => new FieldProblem(
                            columns.GetValueOrDefault(p.Id)?.Name ?? NameOf(kind, p.Id, number),
                            p.Value,
                            p.Message
                        ))
                        .DistinctBy(p => p.Field),
                ],
            };
        }

        Audit(kind, turn, isNew ? "add" : "edit", kind.SubjectOf(record), isNew ? kind.NameOf(record) : name, changes);
        await kind.SaveAsync(turn, record, cancellation);
        return new EditOutcome(EditResult.Done)
        {
            Id = kind.IdOf(record),
            Version = kind.VersionOf(turn.Db.Keys, record),
            Changes = changes.Lines,
        };
    }

    /// <summary>PostgreSQL: two residents don't get the same number at the same moment.</summary>
    private static async Task OneAtATimeAsync(RecordsDb db, string? number, CancellationToken cancellation)
    {
        if (number is { Length: > 0 } && db.Database.IsNpgsql() && db.Keys is { } keys)
        {
            var code = Convert.ToInt64(keys.Code("identity lock", number.Trim().ToUpperInvariant())[..15], 16);
            await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({code})", cancellation);
        }
    }

    private static void Audit(RecordKind kind, EditTurn turn, string action, string subject, string name, ImportChanges changes) =>
        turn.Db.AddAudit(
            turn.Now,
            turn.By.Who,
            action,
            subject,
            string.Join(": ", new[] { name, string.Join("; ", changes.Lines.Select(l => l.En)) }.Where(t => t.Length > 0))
        );

    /// <summary>Of a field that wasn't given, such as a name that is missing.</summary>
    private static string NameOf(RecordKind kind, string column, int number) =>
        kind.Fields.FirstOrDefault(f => f.ColumnOf(number) == column)?.Name ?? column;

    private static List<FieldProblem> Unknown(RecordKind kind, IReadOnlyDictionary<string, string> fields, bool isNew)
    {
        var known = kind.Fields.Where(f => isNew || !f.OnlyNew).Select(f => f.Name).ToList();
        return
        [
            .. fields
                .Where(f => !known.Contains(f.Key))
                .Select(f => new FieldProblem(
                    f.Key,
                    "",
                    NearestName.Of(f.Key, known) is { } nearest
                        ? new Wording($"is no field that can be edited; did you mean {nearest}?", $"不是可编辑的字段，是否为“{nearest}”？")
                        : new Wording(
                            $"is no field that can be edited; those are {string.Join(", ", known)}",
                            $"不是可编辑的字段，可编辑的有：{string.Join("、", known)}"
                        )
                )),
        ];
    }

    private static EditOutcome NotYours(RecordsDb db) =>
        new(EditResult.NotYours)
        {
            Why = new Wording(
                $"belongs to an area outside {db.Within}, which you are bound to",
                $"所属区域不在您的管理范围 {db.Within} 内"
            ),
        };

    private static EditOutcome Changed(RecordKind kind, object record, string version) =>
        new(EditResult.Changed)
        {
            Id = kind.SubjectOf(record),
            Version = version,
            Why = new Wording("somebody has changed it since it was read", "读取之后已被他人修改"),
        };

    /// <summary>One transaction; what is not done leaves nothing.</summary>
    private async Task<EditOutcome> InTurnAsync(Editor by, Func<EditTurn, Task<EditOutcome>> change, CancellationToken cancellation)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                EditOutcome outcome;
                await using var db = records.CreateDbContext(by.Area);
                await using (var turn = await WriteTurn.BeginAsync(db, first: false, cancellation))
                {
                    var whole = new WholeFile("", []);
                    outcome = await change(new EditTurn(db, by, clock.GetUtcNow().UtcDateTime, whole));
                    if (outcome.Result is EditResult.Done)
                        await turn.CommitAsync(cancellation);
                }

                return outcome.Result is EditResult.Changed
                    ? outcome with
                    {
                        Meanwhile = await LastAsync(db, outcome.Id, cancellation),
                    }
                    : outcome;
            }
            catch (Exception e) when (tries < Tries && (StoreFailure.IsPassing(e) || StoreFailure.IsOfRows(e)))
            {
                // Somebody made the same id, or took away what this stands on, at the same moment: once more, with what is there now.
            }
        }
    }

    private async Task<EarlierChange?> LastAsync(RecordsDb db, string subject, CancellationToken cancellation)
    {
        var since = clock.GetUtcNow().UtcDateTime - LooksBack;
        return await db
            .Audit.AsNoTracking()
            .Where(a => a.Time > since && a.Subject == subject && (a.Action == "edit" || a.Action == "add" || a.Action == "remove"))
            .OrderByDescending(a => a.Time)
            .Select(a => new EarlierChange(a.Who, a.Time, a.Detail))
            .FirstOrDefaultAsync(cancellation);
    }
}
