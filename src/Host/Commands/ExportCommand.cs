using System.CommandLine;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil export</c>: registry, alarms or visits as CSV that carries no formulas into a spreadsheet.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var what = new Argument<string>("what") { Description = "residents, alarms or visits" };
        var config = RunCommand.ConfigOption();
        var command = new Command("export", "Writes residents, alarms or visits as CSV to standard output") { what, config };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (result, cancellation) =>
        {
            if (RunCommand.Load(result.GetValue(config) ?? [], result.UnmatchedTokens) is not { } settings) return 1;
            var records = RecordsServices.CreateFactory(settings.Configuration["Records:Store"] ?? "Sqlite", settings.Configuration["Records:ConnectionString"], settings.DataPath);
            await records.MigrateAsync(cancellation);
            await using var db = await records.CreateDbContextAsync(cancellation);
            switch (result.GetValue(what))
            {
                case "residents":
                    Row("id", "name", "area", "key", "categories", "phone", "address");
                    await foreach (var r in db.Residents.AsNoTracking().OrderBy(r => r.Id).AsAsyncEnumerable().WithCancellation(cancellation)) Row(r.Id, r.Name, r.Area, r.KeyClass ? "yes" : "no", r.Categories, r.Phone, r.Address);
                    break;
                case "alarms":
                    Row("id", "subject", "area", "kind", "severity", "state", "raised", "opened", "acknowledged", "acknowledged by", "resolved", "resolution", "reason");
                    await foreach (var a in db.Alarms.AsNoTracking().OrderBy(a => a.OpenedAt).AsAsyncEnumerable().WithCancellation(cancellation))
                        Row(a.Id.ToString(), a.Subject, a.Area, a.Kind, ((Severity)a.Severity).ToString(), a.State.ToString(), Time(a.RaisedAt), Time(a.OpenedAt), Time(a.AcknowledgedAt), a.AcknowledgedBy ?? "", Time(a.ResolvedAt), a.Resolution.ToString(), a.Reason);
                    break;
                case "visits":
                    Row("id", "resident", "visitor", "time", "form", "condition", "needs", "actions", "notes");
                    await foreach (var v in db.Visits.AsNoTracking().OrderBy(v => v.Time).AsAsyncEnumerable().WithCancellation(cancellation))
                        Row(v.Id.ToString(), v.ResidentId, v.VisitorId ?? "", Time(v.Time), v.Form, v.Condition, v.Needs, v.Actions, v.Notes);
                    break;
                case var other:
                    System.Console.Error.WriteLine($"vigil export: '{other}' is not one of residents, alarms, visits");
                    return 2;
            }

            return 0;
        });
        return command;
    }

    private static void Row(params string[] fields) => System.Console.Out.WriteLine(string.Join(',', fields.Select(Csv.Escape)));

    private static string Time(DateTime? time) => time?.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) ?? "";
}
