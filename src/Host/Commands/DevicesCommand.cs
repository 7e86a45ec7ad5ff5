using System.CommandLine;
using Vigil.Notify;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Host.Commands;

/// <summary><c>vigil devices sheet</c>: registers the devices of a sheet, all or none, and writes the sheet of their passwords.</summary>
internal static class DevicesCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "CSV or XLSX after docs/registry.md, The life of a device" };
        var output = new Option<string>("--output", "-o")
        {
            Description = "File to write the passwords to, ending in .csv or .xlsx; it must not exist. Standard output as CSV without it",
        };
        var language = new Option<string>("--language")
        {
            Description = "Of the headings: zh or en",
            DefaultValueFactory = _ => "zh",
        }.AcceptOnlyFromAmong("zh", "en");
        var config = RunCommand.ConfigOption();
        var sheet = new Command(
            "sheet",
            "Registers the devices of a sheet, each with an MQTT password that is shown this once; all or none"
        )
        {
            file,
            output,
            language,
            config,
        };
        sheet.TreatUnmatchedTokensAsErrors = false;
        sheet.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                var (path, to) = (result.GetValue(file)!, result.GetValue(output));
                if (!File.Exists(path))
                    return Refuse($"there is no file '{path}'");
                foreach (var named in new[] { path, to ?? ".csv" })
                    if (!Sheet.IsXlsx(named) && !named.EndsWith(".csv", StringComparison.OrdinalIgnoreCase))
                        return Refuse($"'{named}' ends in neither .csv nor .xlsx");
                if (new FileInfo(path).Length > DeviceSheet.Largest)
                    return Refuse($"'{path}' is larger than {DeviceSheet.Largest >> 20} MiB");
                // Before anything is registered: passwords that can't be written would be lost.
                await using Stream answer =
                    to is null ? new MemoryStream()
                    : File.Exists(to) ? Stream.Null
                    : new FileStream(to, FileMode.CreateNew, FileAccess.ReadWrite);
                if (answer == Stream.Null)
                    return Refuse($"'{to}' exists already");
                var registered = false;
                try
                {
                    var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
                    await records.MigrateAsync(cancellation);
                    await using var content = File.OpenRead(path);
                    var (made, problems) = await DeviceSheet.RegisterAsync(
                        records,
                        id => settings.Profiles.Find(id) is not null,
                        new AlarmDesk(records, settings.Policies, TimeProvider.System, settings.Zone),
                        TimeProvider.System.GetUtcNow().UtcDateTime,
                        NotifyServices.PublicUrl(settings.Configuration),
                        result.GetValue(language)!,
                        content,
                        Path.GetFileName(path),
                        sheet =>
                        {
                            Sheet.Write(answer, to ?? ".csv", sheet.Headings, sheet.Rows);
                            (answer as FileStream)?.Flush(flushToDisk: true);
                        },
                        cancellation
                    );
                    if (problems.Count > 0)
                    {
                        foreach (var problem in problems)
                            Console.Error.WriteLine(problem);
                        Console.Error.WriteLine(
                            $"vigil devices: {problems.Count} problem{(problems.Count == 1 ? "" : "s")}; nothing was registered"
                        );
                        return 1;
                    }

                    registered = true;
                    if (answer is MemoryStream text)
                    {
                        await using var console = Console.OpenStandardOutput();
                        await console.WriteAsync(text.ToArray(), CancellationToken.None);
                    }

                    Console.Error.WriteLine($"vigil devices: {made} registered; their passwords are shown this once");
                    return 0;
                }
                finally
                {
                    if (!registered && to is not null)
                        File.Delete(to);
                }
            }
        );
        return new Command("devices", "Devices of the registry") { sheet };
    }

    private static int Refuse(string why)
    {
        Console.Error.WriteLine($"vigil devices: {why}");
        return 2;
    }
}
