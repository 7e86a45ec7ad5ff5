using System.Data.Common;
using System.Diagnostics;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>What the person who imports asks for.</summary>
public sealed record ImportOptions
{
    /// <summary>Check everything, say what would change, and write nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>Remove contacts and household members, and unbind devices, that the file no longer names.</summary>
    public bool Replace { get; init; }

    /// <summary>Make ids of the identity numbers for rows that have none.</summary>
    public bool IdsFromIdentity { get; init; }

    /// <summary>Area code to which the person is bound: rows outside it are refused.</summary>
    public string Bound { get; init; } = "";

    /// <summary>Who it is, for the audit log; empty: it isn't logged.</summary>
    public string Who { get; init; } = "";
}

/// <summary>How far an import has come.</summary>
/// <param name="Writing">False while it is being checked.</param>
/// <param name="Rows">Rows so far.</param>
/// <param name="Part">Of all, 0 to 1; null when that isn't known.</param>
/// <param name="TakenBack">It was cancelled, and what was written is being taken back: <paramref name="Rows"/> is how much is left.</param>
public readonly record struct ImportProgress(bool Writing, int Rows, double? Part, bool TakenBack = false);

/// <summary>What became of an import.</summary>
/// <param name="Problems">When there is any, nothing was written, unless <paramref name="Written"/> says otherwise.</param>
/// <param name="Summary">Rows of each kind.</param>
/// <param name="Changes">What it changes, or would.</param>
/// <param name="Written">
/// It was written. Problems are then of rows that had been good when the file was checked and were left out, because somebody else changed
/// what they stand on in the meantime.
/// </param>
public sealed record ImportOutcome(IReadOnlyList<Problem> Problems, Wording Summary, ImportChanges Changes, bool Written = false)
{
    public void Deconstruct(out IReadOnlyList<Problem> problems, out Wording summary) => (problems, summary) = (Problems, Summary);
}

/// <summary>
/// Reads the registry from CSV or XLSX: residents as in Annex 1 of the policy document, with their contacts, visitor and devices; duty
/// officers, supervisors, visitors, shifts and areas as rows of their own. Headings in Chinese or English; docs/registry.md describes them.
/// The whole file is checked first, without writing: every error is reported with its line, column and value, and nothing is written when
/// there is any. Then it is written in short transactions, between which presses and everybody else get their turn; an import that is
/// killed there is finished by whoever starts next (<see cref="FinishAsync"/>). A second import updates by id.
/// </summary>
public sealed class RegistryImport(IDbContextFactory<RecordsDb> records, TimeProvider clock, Func<string, bool> isProfile)
{
    /// <summary>Rows that are checked with one set of queries.</summary>
    private const int CheckedAtOnce = 1000;

    /// <summary>Rows in one transaction: it holds up other writers of SQLite for some tens of milliseconds.</summary>
    internal const int WrittenAtOnce = 200;

    private DateTime lastMoment;

    /// <summary>Imports a file; what is wrong with it is returned, and then nothing was written.</summary>
    public async Task<ImportOutcome> ImportAsync(string path, bool dryRun, CancellationToken cancellation)
    {
        await using var stream = File.OpenRead(path);
        return await ImportAsync(stream, Path.GetFileName(path), dryRun, cancellation);
    }

    /// <param name="content">The file; seekable.</param>
    /// <param name="fileName">As shown in problems; its extension tells CSV from XLSX.</param>
    /// <param name="dryRun">Check everything and write nothing.</param>
    /// <param name="cancellation">Ends the import with nothing written, while it is being checked.</param>
    /// <param name="bound">Area code to which the person who imports is bound: rows outside it are refused.</param>
    public Task<ImportOutcome> ImportAsync(
        Stream content,
        string fileName,
        bool dryRun,
        CancellationToken cancellation,
        string bound = ""
    ) => ImportAsync(content, fileName, new ImportOptions { DryRun = dryRun, Bound = bound }, null, cancellation);

    public async Task<ImportOutcome> ImportAsync(TextReader reader, string fileName, bool dryRun, CancellationToken cancellation)
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(await reader.ReadToEndAsync(cancellation)));
        return await ImportAsync(content, fileName, dryRun, cancellation);
    }

    /// <param name="content">The file; seekable.</param>
    /// <param name="fileName">As shown in problems; its extension tells CSV from XLSX.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="progress">Told how far it is, some times a second.</param>
    /// <param name="cancellation">Ends the import with nothing written, while it is being checked; what is being written is written to its
    /// end.</param>
    /// <param name="takeBack">Ends it with nothing written, also while it is being written.</param>
    /// <exception cref="OperationCanceledException">It was ended; nothing of it is left.</exception>
    public async Task<ImportOutcome> ImportAsync(
        Stream content,
        string fileName,
        ImportOptions options,
        IProgress<ImportProgress>? progress,
        CancellationToken cancellation,
        CancellationToken takeBack = default
    )
    {
        try
        {
            if (!options.DryRun)
                await FinishAsync(cancellation);
            var start = content.Position;
            var (outcome, lines, rows, hasRow) = await CheckAsync(content, fileName, options, progress, cancellation);
            if (options.DryRun || outcome.Problems.Count > 0)
                return outcome;
            if (lines.Count == 0)
            {
                if (options.Who.Length > 0)
                    await records.AddAsync(Moment(), options.Who, "import", fileName, outcome.Summary.En, cancellation);
                return outcome with { Written = true };
            }

            content.Position = start;
            if (await UnfinishedImport.BeginAsync(records, clock, content, fileName, options, cancellation) is not { } run)
                return outcome with
                {
                    Problems =
                    [
                        new Problem(
                            fileName,
                            0,
                            "",
                            "",
                            new Wording(
                                "another import is being written; try again when it has ended (a killed one is finished in half a minute)",
                                "另一导入正在写入，请等其结束后再试（若其进程已中断，半分钟后会自动续完）"
                            )
                        ),
                    ],
                };
            content.Position = start;
            var late = await WriteAsync(run, content, lines, rows, hasRow, outcome.Summary, progress, takeBack);
            return outcome with { Problems = late, Written = true };
        }
        catch (InvalidDataException e)
        {
            return new ImportOutcome(
                [new Problem(fileName, 0, "", "", new Wording($"is not a readable workbook: {e.Message}", "不是可读取的表格文件"))],
                Wording.None,
                new ImportChanges()
            );
        }
    }

    /// <summary>
    /// Finishes an import whose process ended while it was being written.
    /// </summary>
    /// <returns>The name of its file, and rows that had to be left out; null when there is no such import.</returns>
    public async Task<(string File, IReadOnlyList<Problem> Problems)?> FinishAsync(CancellationToken cancellation)
    {
        if (await UnfinishedImport.TakeOverAsync(records, clock, cancellation) is not { } run)
            return null;
        if (run.IsTakenBack)
        {
            await TakeBackAsync(run, 0, null);
            return null;
        }

        using var content = await run.ContentAsync(cancellation);
        var residents = new HashSet<string>(StringComparer.Ordinal);
        await using (var db = await records.CreateDbContextAsync(cancellation))
        {
            var made = await MadeIds.ReadAsync(db, run.Options, cancellation);
            foreach (var row in Rows(content, run.File, [], new ImportChanges(), run.Options).Where(r => r.Kind is ImportKind.Resident))
            {
                made?.Give(row);
                residents.Add(row["id"]);
            }
        }

        content.Position = 0;
        var summary = new Wording("finished after an interruption", "中断后完成");
        return (run.File, await WriteAsync(run, content, null, null, residents.Contains, summary, null, CancellationToken.None));
    }

    private async Task<(ImportOutcome Outcome, HashSet<int> Lines, int Rows, Func<string, bool> HasRow)> CheckAsync(
        Stream content,
        string fileName,
        ImportOptions options,
        IProgress<ImportProgress>? progress,
        CancellationToken cancellation
    )
    {
        var (problems, changes, known) = (new List<Problem>(), new ImportChanges(), new KnownRecords());
        var whole = new WholeFile(fileName, problems);
        var (counts, shifts, lines, count) = (new SortedDictionary<ImportKind, int>(), new List<RegistryRow>(), new HashSet<int>(), 0);
        var now = Moment();
        await using var db = await records.CreateDbContextAsync(cancellation);
        var made = await MadeIds.ReadAsync(db, options, cancellation);
        foreach (var batch in Rows(content, fileName, problems, changes, options).Chunk(CheckedAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            var good = new List<RegistryRow>();
            foreach (var row in batch)
            {
                made?.Give(row);
                if (!CheckRow(row, options, whole))
                    continue;
                counts[row.Kind!.Value] = counts.GetValueOrDefault(row.Kind.Value) + 1;
                (row.IsShift ? shifts : good).Add(row);
            }

            if (good.Count > 0)
                await known.LoadAsync(db, good, tracked: false, cancellation);
            foreach (var row in good)
            {
                Apply(row, known, now, options, whole, null);
                if (row.ChangesAnything)
                    lines.Add(row.Line);
            }

            known.NewVisitors.Clear();
            known.NewOfficers.Clear();
            known.NewAreas.Clear();
            known.Removed.Clear();
            count += batch.Length;
            progress?.Report(new ImportProgress(false, count, Sheet.IsXlsx(fileName) ? null : (double)content.Position / content.Length));
        }

        if (shifts.Count > 0)
        {
            await known.LoadAsync(db, shifts, tracked: false, cancellation);
            if (await new RotaImport(db, known, now, options, changes).ReadAsync(shifts, cancellation))
                lines.UnionWith(shifts.Select(s => s.Line));
        }

        await whole.CheckAsync(db, options.Bound, cancellation);
        var summary = Wording.Join([
            .. counts.Select(c => new Wording($"{c.Value} {ImportChanges.Word(c.Key).En}", $"{ImportChanges.Word(c.Key).Zh} {c.Value} 条")),
        ]);
        return (new ImportOutcome([.. problems.OrderBy(p => p.Line)], summary, changes), lines, count, whole.HasRow);
    }

    /// <summary>Writes the rows of a file that was checked, each in the transaction that also says how far it is written.</summary>
    /// <param name="run">The import.</param>
    /// <param name="content">The file.</param>
    /// <param name="lines">Lines that change something; null when that isn't known any more.</param>
    /// <param name="total">How many rows the file has; null when that isn't known any more.</param>
    /// <param name="hasRow">Whether a resident has a row of the file: a device moves between two that have.</param>
    /// <param name="summary">For the audit log.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="takeBack">Takes all of it back.</param>
    private async Task<IReadOnlyList<Problem>> WriteAsync(
        UnfinishedImport run,
        Stream content,
        HashSet<int>? lines,
        int? total,
        Func<string, bool> hasRow,
        Wording summary,
        IProgress<ImportProgress>? progress,
        CancellationToken takeBack
    )
    {
        var (late, shifts, chunk, done) = (new List<Problem>(), new List<RegistryRow>(), new List<RegistryRow>(), 0);
        MadeIds? made;
        await using (var db = await records.CreateDbContextAsync(CancellationToken.None))
            made = await MadeIds.ReadAsync(db, run.Options, CancellationToken.None);
        foreach (var row in Rows(content, run.File, [], new ImportChanges(), run.Options))
        {
            made?.Give(row);
            if (row.IsShift)
            {
                shifts.Add(row);
                continue;
            }

            done++;
            if (done <= run.Done || lines?.Contains(row.Line) == false)
                continue;
            chunk.Add(row);
            if (chunk.Count < WrittenAtOnce)
                continue;
            await WriteAsync(run, chunk, done, hasRow, late);
            chunk.Clear();
            progress?.Report(new ImportProgress(true, done, total is > 0 ? (double)done / total : null));
            if (takeBack.IsCancellationRequested)
                break;
        }

        if (chunk.Count > 0 && !takeBack.IsCancellationRequested)
            await WriteAsync(run, chunk, done, hasRow, late);
        if (takeBack.IsCancellationRequested)
        {
            await TakeBackAsync(run, done, progress);
            throw new OperationCanceledException(takeBack);
        }

        await WriteLastAsync(run, shifts, summary, late);
        return late;
    }

    /// <summary>Whether a file is being written, or taken back, by any process.</summary>
    public async Task<bool> IsUnderWayAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.ImportRuns.AnyAsync(cancellation);
    }

    /// <summary>In short transactions too, the last of them first; whoever starts next goes on with it.</summary>
    private async Task TakeBackAsync(UnfinishedImport run, int done, IProgress<ImportProgress>? progress)
    {
        await TryAsync(run.CancelAsync); // by itself, so that nobody finishes it whatever comes
        for (var more = true; more; done -= WrittenAtOnce)
        {
            progress?.Report(new ImportProgress(true, Math.Max(0, done), null, TakenBack: true));
            await TryAsync(async db => more = await run.TakeBackAsync(db, Moment()));
        }
    }

    /// <summary>One transaction. Rows that can't be written any more are left out and said.</summary>
    private async Task WriteAsync(UnfinishedImport run, List<RegistryRow> rows, int done, Func<string, bool> hasRow, List<Problem> late)
    {
        var left = new HashSet<int>();
        await TryAsync(async db =>
        {
            while (true)
            {
                var problems = new List<Problem>();
                var (known, now) = (new KnownRecords(), Moment());
                var good = rows.Where(r => !left.Contains(r.Line)).Select(r => r.Again(problems)).ToList();
                await known.LoadAsync(db, good, tracked: true, CancellationToken.None);
                foreach (var row in good)
                    Apply(row, known, now, run.Options, null, hasRow);
                if (problems.Count > 0)
                {
                    late.AddRange(problems);
                    left.UnionWith(problems.Select(p => p.Line));
                    db.ChangeTracker.Clear();
                    continue;
                }

                await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
                await run.GoOnAsync(db, done);
                await known.SaveAsync(db, written => run.KeepAsync(db, written), CancellationToken.None);
                await turn.CommitAsync(CancellationToken.None);
                return;
            }
        });
    }

    private Task WriteLastAsync(UnfinishedImport run, List<RegistryRow> shifts, Wording summary, List<Problem> late) =>
        TryAsync(async db =>
        {
            var problems = new List<Problem>();
            var (known, now) = (new KnownRecords(), Moment());
            var rows = shifts.ConvertAll(s => s.Again(problems));
            if (rows.Count > 0)
            {
                await known.LoadAsync(db, rows, tracked: true, CancellationToken.None);
                await new RotaImport(db, known, now, run.Options, new ImportChanges()).ReadAsync(rows, CancellationToken.None);
            }

            await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
            await run.EndAsync(db);
            if (problems.Count == 0)
                await known.SaveAsync(db, keep: null, CancellationToken.None);
            if (run.Options.Who.Length > 0)
                db.AddAudit(now, run.Options.Who, "import", run.File, summary.En);
            await db.SaveChangesAsync();
            await turn.CommitAsync(CancellationToken.None);
            late.AddRange(problems);
        });

    /// <summary>Somebody else may have made the same row between loading and writing, or hold the database: then once more.</summary>
    private async Task TryAsync(Func<RecordsDb, Task> write)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await using var db = await records.CreateDbContextAsync();
                await write(db);
                return;
            }
            catch (Exception e) when (e is DbUpdateException or DbException && tries < 4)
            {
                // tried again with what is there now
            }
        }
    }

    private void Apply(
        RegistryRow row,
        KnownRecords known,
        DateTime now,
        ImportOptions options,
        WholeFile? whole,
        Func<string, bool>? hasRow
    )
    {
        switch (row.Kind)
        {
            case ImportKind.Resident:
                new ResidentImport(known, now, isProfile, options, whole, hasRow).Read(row);
                break;
            case ImportKind.Area:
                new PeopleImport(known, options, whole).Area(row);
                break;
            case ImportKind.Visitor:
                new PeopleImport(known, options, whole).Visitor(row);
                break;
            case ImportKind.Duty or ImportKind.Supervisor:
                new PeopleImport(known, options, whole).Officer(row, row.Kind is ImportKind.Supervisor);
                break;
            default:
                throw new UnreachableException();
        }
    }

    /// <summary>What doesn't depend on the registry.</summary>
    /// <returns>Whether the row can be read any further.</returns>
    private static bool CheckRow(RegistryRow row, ImportOptions options, WholeFile whole)
    {
        var columns = row.Columns;
        if (row.Fields > columns.Count)
            row.Wrong(
                "",
                row.LastField,
                new Wording(
                    $"the row has {row.Fields} fields, the heading {columns.Count}",
                    $"此行有 {row.Fields} 列，表头只有 {columns.Count} 列"
                )
            );
        if (row.CutOff is { } broken)
            row.Wrong("", row.LastField[..Math.Min(40, row.LastField.Length)], broken);
        if (row.FormulaError is var (column, error))
            row.Wrong(column, error, new Wording("is the error of a formula, not a value", "是公式错误，不是值"));
        if (row.Kind is not { } kind)
        {
            row.Wrong(
                "record",
                row["record"],
                new Wording(
                    "is not one of resident, duty, supervisor, visitor, duty shift, visitor shift, area",
                    "应为老人、值班、主管、探访人、值班班次、探访班次或区划"
                )
            );
            return false;
        }

        var id = row["id"];
        if (kind is not ImportKind.Area && id.Length == 0 && columns.Has("id"))
            row.Wrong("id", "", new Wording("is missing", "未填写"));
        else if (kind is not ImportKind.Area && id.Length == 0 && options.IdsFromIdentity)
            row.Wrong("identity", "", new Wording("is missing: the id is made of it", "未填写：编号由其生成"));
        if (!row.IsShift && id.Length > 0 && !whole.IsFirst(kind, id))
            row.Wrong("id", id, new Wording("stands in this file twice", "在文件中重复出现"));
        row.StaysWithin(options.Bound);
        return true;
    }

    /// <summary>The rows under the headings, without empty ones.</summary>
    private static IEnumerable<RegistryRow> Rows(
        Stream content,
        string fileName,
        List<Problem> problems,
        ImportChanges changes,
        ImportOptions options
    )
    {
        using var rows = Sheet.Read(content, fileName).Where(r => r.Fields.Any(f => !string.IsNullOrWhiteSpace(f))).GetEnumerator();
        var above = new List<SheetRow>();
        while (above.Count < RegistryHeadings.MostAbove && rows.MoveNext())
        {
            above.Add(rows.Current);
            if (RegistryHeadings.Are(rows.Current.Fields))
                break;
        }

        if (above.Count == 0)
        {
            problems.Add(new Problem(fileName, 1, "", "", new Wording("the file is empty", "文件为空")));
            yield break;
        }

        // Where no row looks like headings, the first one is said to be wrong.
        var at = RegistryHeadings.Are(above[^1].Fields) ? above.Count - 1 : 0;
        var columns = RegistryHeadings.Read(above[at].Fields, above[at].Line, fileName, problems);
        if (!columns.Has("id") && !options.IdsFromIdentity)
        {
            var needed = new Problem(fileName, columns.Line, "", "", new Wording("column id is missing", "缺少列：编号"));
            if (!columns.Has("record"))
            {
                problems.Add(needed);
                yield break;
            }

            var said = false;
            foreach (var row in Read())
            {
                if (!said && row.Kind is not (ImportKind.Area or null))
                    problems.Add(needed);
                said |= row.Kind is not (ImportKind.Area or null);
                yield return row;
            }

            yield break;
        }

        foreach (var row in Read())
            yield return row;

        RegistryRow Under(SheetRow row) => new(fileName, row.Line, columns, row.Fields, problems, changes, row.CutOff(columns.Count));

        IEnumerable<RegistryRow> Read()
        {
            foreach (var row in above.Skip(at + 1))
                yield return Under(row);
            while (rows.MoveNext())
                yield return Under(rows.Current);
        }
    }

    /// <summary>
    /// Now, and later than the moment before: who follows the registry by its latest change would otherwise miss a transaction of the same
    /// microsecond.
    /// </summary>
    private DateTime Moment()
    {
        var now = clock.GetUtcNow().UtcDateTime;
        lastMoment = now > lastMoment ? now : lastMoment.AddMicroseconds(1);
        return lastMoment;
    }
}
