using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Reads the registry from CSV or XLSX: residents as in Annex 1 of the policy document, with their contacts, visitor and devices; duty
/// officers, supervisors, visitors, shifts and areas as rows of their own. Headings in Chinese or English; docs/registry.md describes them.
/// Every error is reported with its line, column and value, and nothing is written when there is any. A second import updates by id.
/// </summary>
public sealed class RegistryImport(IDbContextFactory<RecordsDb> records, TimeProvider clock, Func<string, bool> isProfile)
{
    /// <summary>Imports a file; what is wrong with it is returned, and then nothing was written.</summary>
    public async Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        string path,
        bool dryRun,
        CancellationToken cancellation
    )
    {
        await using var stream = File.OpenRead(path);
        return await ImportAsync(stream, Path.GetFileName(path), dryRun, cancellation);
    }

    /// <param name="content">The file; for XLSX seekable.</param>
    /// <param name="fileName">As shown in problems; its extension tells CSV from XLSX.</param>
    /// <param name="dryRun">Check everything and write nothing.</param>
    /// <param name="cancellation">Ends the import with nothing written.</param>
    /// <param name="bound">Area code to which the person who imports is bound: rows outside it are refused.</param>
    public async Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        Stream content,
        string fileName,
        bool dryRun,
        CancellationToken cancellation,
        string bound = ""
    )
    {
        try
        {
            return await ImportAsync(Sheet.Read(content, fileName), fileName, dryRun, bound, cancellation);
        }
        catch (InvalidDataException e)
        {
            return (
                [new Problem(fileName, 0, "", "", new Wording($"is not a readable workbook: {e.Message}", "不是可读取的表格文件"))],
                Wording.None
            );
        }
    }

    public Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        TextReader reader,
        string fileName,
        bool dryRun,
        CancellationToken cancellation
    ) => ImportAsync(Sheet.ReadCsv(reader), fileName, dryRun, "", cancellation);

    private async Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        IEnumerable<(int Line, List<string> Fields)> rows,
        string fileName,
        bool dryRun,
        string bound,
        CancellationToken cancellation
    )
    {
        var problems = new List<Problem>();
        await using var db = await records.CreateDbContextAsync(cancellation);
        var counts = new Dictionary<Wording, int>();
        List<string>? columns = null;
        var ids = new HashSet<string>();
        var residents = new ResidentImport(db, clock, isProfile, bound);
        var people = new PeopleImport(db, bound);
        var shifts = new RotaImport(db, clock, bound);
        foreach (var (line, fields) in rows)
        {
            if (columns is null)
            {
                columns = RegistryHeadings.Read(fields, fileName, problems);
                continue;
            }

            var row = new RegistryRow(fileName, line, columns, fields, problems);
            if (fields.Count > columns.Count)
                row.Wrong(
                    "",
                    fields[^1],
                    new Wording(
                        $"the row has {fields.Count} fields, the heading {columns.Count}",
                        $"此行有 {fields.Count} 列，表头只有 {columns.Count} 列"
                    )
                );
            var kind = row["record"] is { Length: > 0 } record ? record : "resident";
            var shift = kind is "duty shift" or "visitor shift" or "值班班次" or "探访班次";
            if (!shift && row["id"].Length > 0 && !ids.Add((kind == "老人" ? "resident" : kind) + row["id"]))
                row.Wrong("id", row["id"], new Wording("stands in this file twice", "在文件中重复出现"));
            if (row["area"].Length > 0 && !row["area"].StartsWith(bound, StringComparison.Ordinal))
                row.Wrong(
                    "area",
                    row["area"],
                    new Wording($"lies outside {bound}, which you are bound to", $"不在您的管理范围 {bound} 内")
                );
            counts[KindWords(kind)] = counts.GetValueOrDefault(KindWords(kind)) + 1;
            switch (kind)
            {
                case "resident" or "老人":
                    await residents.ReadAsync(row, cancellation);
                    break;
                case "duty" or "supervisor" or "值班" or "主管":
                    await people.OfficerAsync(row, kind is "supervisor" or "主管", cancellation);
                    break;
                case "area" or "区划":
                    await people.AreaAsync(row, cancellation);
                    break;
                case "visitor" or "探访人":
                    await people.VisitorAsync(row, cancellation);
                    break;
                case "duty shift" or "值班班次":
                    await shifts.ReadAsync(row, "officer", cancellation);
                    break;
                case "visitor shift" or "探访班次":
                    await shifts.ReadAsync(row, "visitor", cancellation);
                    break;
                default:
                    row.Wrong(
                        "record",
                        kind,
                        new Wording(
                            "is not one of resident, duty, supervisor, visitor, duty shift, visitor shift, area",
                            "应为老人、值班、主管、探访人、值班班次、探访班次或区划"
                        )
                    );
                    break;
            }
        }

        if (columns is null)
            problems.Add(new Problem(fileName, 1, "", "", new Wording("the file is empty", "文件为空")));
        var summary = Wording.Join([.. counts.Select(c => new Wording($"{c.Value} {c.Key.En}", $"{c.Key.Zh} {c.Value} 条"))]);
        if (problems.Count > 0 || dryRun)
            return (problems, summary);
        await db.SaveChangesAsync(cancellation);
        return (problems, summary);
    }

    /// <summary>What a row is about, for the summary of the import.</summary>
    private static Wording KindWords(string kind) =>
        kind switch
        {
            "resident" or "老人" => new Wording("resident", "老人"),
            "duty" or "值班" => new Wording("duty", "值班"),
            "supervisor" or "主管" => new Wording("supervisor", "主管"),
            "visitor" or "探访人" => new Wording("visitor", "探访人"),
            "duty shift" or "值班班次" => new Wording("duty shift", "值班班次"),
            "visitor shift" or "探访班次" => new Wording("visitor shift", "探访班次"),
            "area" or "区划" => new Wording("area", "区划"),
            _ => Wording.Same(kind),
        };
}
