using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Rules.Backtest;

namespace Vigil.Host.Commands;

/// <summary><c>vigil backtest</c>: the same engine over recorded readings, with a virtual clock and no network.</summary>
internal static class BacktestCommand
{
    public static Command Create()
    {
        var rules = new Option<string?>("--rules") { Description = "Rules file (default: the shipped rules)" };
        var readings = new Option<string>("--readings") { Description = "CSV or CSV.gz: resident,device,metric,time,value", Required = true };
        var from = new Option<string?>("--from") { Description = "First moment, ISO 8601" };
        var to = new Option<string?>("--to") { Description = "Last moment, ISO 8601" };
        var zone = new Option<string>("--zone") { Description = "Time zone of the homes", DefaultValueFactory = _ => "Asia/Shanghai" };
        var command = new Command("backtest", "Runs the rules over recorded readings; alarms as JSON lines") { rules, readings, from, to, zone };
        command.SetAction(result =>
        {
            var problems = new List<Problem>();
            var set = RuleSet.Load(result.GetValue(rules) ?? Settings.RulesPath(null), problems);
            foreach (var problem in problems) System.Console.Error.WriteLine(problem);
            if (set is null) return 1;
            if (!Time(result.GetValue(from), out var first) || !Time(result.GetValue(to), out var last))
            {
                System.Console.Error.WriteLine("vigil backtest: --from and --to take times such as 2026-01-01T00:00:00+08:00");
                return 2;
            }

            var path = result.GetValue(readings)!;
            if (!File.Exists(path))
            {
                System.Console.Error.WriteLine($"vigil backtest: there is no file '{path}'");
                return 2;
            }

            using var file = File.OpenRead(path);
            using Stream csv = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using var output = new StreamWriter(System.Console.OpenStandardOutput()) { AutoFlush = false };
            return BacktestRun.Run(set, TimeZoneInfo.FindSystemTimeZoneById(result.GetValue(zone)!), csv, first, last, output, System.Console.Error);
        });
        return command;
    }

    private static bool Time(string? text, out DateTime? time)
    {
        time = null;
        if (text is null) return true;
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)) return false;
        time = at.UtcDateTime;
        return true;
    }
}
