using System.CommandLine;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary>
/// <c>vigil export</c>: writes the registry, residents, an empty registry file, alarms, visits or statistics as CSV or XLSX, with texts
/// escaped against formulas.
/// </summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var what = new Argument<string>("what") { Description = "registry, residents, template, alarms, visits or statistics" };
        var output = new Option<string>("--output", "-o")
        {
            Description = "File to write, ending in .csv or .xlsx; standard output as CSV without it",
        };
        var days = new Option<int>("--days") { Description = "Statistics of so many days back", DefaultValueFactory = _ => 30 };
        var config = RunCommand.ConfigOption();
        var command = new Command(
            "export",
            "Writes the registry, residents, an empty registry file, alarms, visits or statistics as CSV or XLSX"
        )
        {
            what,
            output,
            days,
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                var path = result.GetValue(output) ?? "standard output.csv";
                if (!Sheet.IsXlsx(path) && !path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase))
                {
                    Console.Error.WriteLine($"vigil export: '{path}' ends in neither .csv nor .xlsx");
                    return 2;
                }

                var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
                await records.MigrateAsync(cancellation);
                await using var db = await records.CreateDbContextAsync(cancellation);
                (string[] Headings, IEnumerable<IReadOnlyList<object?>> Rows)? found = result.GetValue(what) switch
                {
                    "registry" => await RegistryExport.ReadWholeAsync(records, cancellation),
                    "residents" => await RegistryExport.ReadAsync(records, cancellation),
                    "template" => ([.. RegistryTemplate.Headings("zh")], []),
                    "alarms" => (
                        [
                            "id",
                            "subject",
                            "area",
                            "kind",
                            "severity",
                            "state",
                            "raised",
                            "opened",
                            "acknowledged",
                            "acknowledged by",
                            "resolved",
                            "resolution",
                            "reason",
                        ],
                        db.Alarms.AsNoTracking()
                            .OrderBy(a => a.OpenedAt)
                            .AsEnumerable()
                            .Select(a =>
                                (IReadOnlyList<object?>)
                                    [
                                        a.Id,
                                        a.Subject,
                                        a.Area,
                                        a.Kind,
                                        a.Severity,
                                        a.State,
                                        a.RaisedAt,
                                        a.OpenedAt,
                                        a.AcknowledgedAt,
                                        a.AcknowledgedBy,
                                        a.ResolvedAt,
                                        a.Resolution,
                                        a.Reason,
                                    ]
                            )
                    ),
                    "visits" => (
                        ["id", "resident", "visitor", "time", "form", "condition", "needs", "actions", "notes"],
                        db.Visits.AsNoTracking()
                            .OrderBy(v => v.Time)
                            .AsEnumerable()
                            .Select(v =>
                                (IReadOnlyList<object?>)
                                    [v.Id, v.ResidentId, v.VisitorId, v.Time, v.Form, v.Condition, v.Needs, v.Actions, v.Notes]
                            )
                    ),
                    "statistics" => (
                        ["figure", "name", "value"],
                        (await Statistics.ReadAsync(records, Now.AddDays(-result.GetValue(days)), Now, settings.Zone, cancellation)).Rows()
                    ),
                    _ => null,
                };
                if (found is not { } sheet)
                {
                    Console.Error.WriteLine(
                        $"vigil export: '{result.GetValue(what)}' is not one of registry, residents, template, alarms, visits, statistics"
                    );
                    return 2;
                }

                await using Stream file = result.GetValue(output) is { } named ? File.Create(named) : Console.OpenStandardOutput();
                Sheet.Write(file, path, sheet.Headings, sheet.Rows);
                await records.AddAsync(Now, "cli", "export", result.GetValue(what)!, path, cancellation);
                return 0;
            }
        );
        return command;
    }

    private static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;
}
