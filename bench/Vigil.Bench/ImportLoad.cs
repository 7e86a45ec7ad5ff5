using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Registry;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// The registry of a county, homes with four devices and two contacts each: imported into an empty database, imported again unchanged, and
/// imported with every tenth phone number changed. Five times a second somebody writes a row with priority, to measure the wait.
/// </summary>
internal static class ImportLoad
{
    /// <summary><c>import [--homes 100000] [--database sqlite|postgres] [--postgres CONNECTION] [--apart yes]</c></summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var homes = arguments.Number("--homes", 100_000);
        var folder = Directory.CreateTempSubdirectory("vigil-bench-").FullName;
        TemporaryPostgres? own = null;
        try
        {
            var postgres = arguments.Text("--database") is "postgres";
            if (postgres && arguments.Text("--postgres") is null)
                own = await TemporaryPostgres.StartedAsync();
            var records = postgres
                ? RecordsServices.CreateFactory("Postgres", arguments.Text("--postgres") ?? own!.ConnectionString, folder)
                : RecordsServices.CreateFactory("Sqlite", null, folder);
            await records.MigrateAsync();
            // As when `vigil import` runs beside the service: each process has its own queue of writers, and only SQLite decides between
            // them.
            var service = arguments.Text("--apart") is "yes" && !postgres ? RecordsServices.CreateFactory("Sqlite", null, folder) : records;
            var file = Path.Combine(folder, "registry.csv");
            Write(file, homes, changed: false);
            Console.WriteLine(
                $"{(postgres ? "PostgreSQL" : "SQLite")}, {homes} homes of 4 devices and 2 contacts, "
                    + $"{new FileInfo(file).Length >> 20} MiB of CSV, {Environment.ProcessorCount} cores, .NET {Environment.Version}"
            );
            await MeasureAsync("first import", records, service, file, homes, dryRun: false);
            await MeasureAsync("dry run of the same file", records, service, file, homes, dryRun: true);
            await MeasureAsync("the same file again", records, service, file, homes, dryRun: false);
            Write(file, homes, changed: true);
            await MeasureAsync("every tenth phone changed", records, service, file, homes, dryRun: false);
            return 0;
        }
        finally
        {
            if (own is not null)
                await own.DisposeAsync();
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(
        string what,
        IDbContextFactory<RecordsDb> records,
        IDbContextFactory<RecordsDb> service,
        string file,
        int homes,
        bool dryRun
    )
    {
        using var stop = new CancellationTokenSource();
        var presses = PressesAsync(service, stop.Token);
        var since = Stopwatch.GetTimestamp();
        var checkedAt = 0L;
        var progress = new Told(p =>
        {
            if (p.Writing && checkedAt == 0)
                checkedAt = Stopwatch.GetTimestamp();
        });
        await using var content = File.OpenRead(file);
        var outcome = await new RegistryImport(records, TimeProvider.System, _ => true).ImportAsync(
            content,
            "registry.csv",
            new ImportOptions { DryRun = dryRun, Who = "bench" },
            progress,
            CancellationToken.None
        );
        var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
        await stop.CancelAsync();
        var waits = await presses;
        if (outcome.Problems.Count > 0)
            throw new InvalidOperationException(outcome.Problems[0].ToString());
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(
            $"{what}: {seconds:0.0} s, {homes / seconds:0} homes/s"
                + (checkedAt > 0 ? $" (checked in {Stopwatch.GetElapsedTime(since, checkedAt).TotalSeconds:0.0} s)" : "")
                + $", peak RSS {process.PeakWorkingSet64 >> 20} MiB; {waits.Count} writes of somebody who goes first waited p50 "
                + $"{waits[waits.Count / 2]:0} ms, p99 {waits[waits.Count * 99 / 100]:0} ms, max {waits[^1]:0} ms"
        );
        Console.WriteLine($"  {string.Join("; ", outcome.Changes.Counts)}");
    }

    /// <summary>Writes as findings are committed: one row in a transaction with priority.</summary>
    private static async Task<List<double>> PressesAsync(IDbContextFactory<RecordsDb> records, CancellationToken stop)
    {
        var waits = new List<double>();
        while (!stop.IsCancellationRequested)
        {
            var since = Stopwatch.GetTimestamp();
            await using (var db = await records.CreateDbContextAsync(CancellationToken.None))
            {
                await using var turn = await WriteTurn.BeginAsync(db, first: true, CancellationToken.None);
                db.Findings.Add(
                    new CommittedFinding { Key = Guid.NewGuid().ToString(), CommittedAt = TimeProvider.System.GetUtcNow().UtcDateTime }
                );
                await db.SaveChangesAsync(CancellationToken.None);
                await turn.CommitAsync(CancellationToken.None);
            }

            waits.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, stop);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        waits.Sort();
        return waits;
    }

    private static void Write(string file, int homes, bool changed)
    {
        using var csv = new StreamWriter(file, false, new UTF8Encoding(true));
        csv.Write(
            "记录,编号,姓名,区划代码,身份证号,性别,联系电话,居住地址,类别,重点,同意共享日常生活信息,纬度,经度,探访人编号,探访人姓名,探访人电话"
        );
        for (var n = 1; n <= 2; n++)
            csv.Write($",紧急联系人{n}姓名,紧急联系人{n}关系,紧急联系人{n}电话");
        for (var n = 1; n <= 4; n++)
            csv.Write($",设备{n}编号,设备{n}型号,设备{n}安装日期");
        csv.Write("\n区划,,某县,440111");
        for (var i = 0; i < homes; i++)
        {
            csv.Write(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"\n老人,r{i:D7},王{i},{440111001001},{Identity(i)},女,138{i % 10_000 + (changed && i % 10 == 0 ? 10_000 : 0):D8},"
                        + $"某某村{i % 90}巷{i}号,独居,{(i % 4 == 0 ? "是" : "否")},是,{23 + i % 1000 / 1000.0},{113 + i % 999 / 1000.0},"
                        + $"v{i % 2000},陈探访{i % 2000},139{i % 2000:D8},"
                        + $"王大{i},儿子,137{i:D8},王二{i},女儿,136{i:D8}"
                )
            );
            for (var n = 1; n <= 4; n++)
                csv.Write(string.Create(CultureInfo.InvariantCulture, $",d{i:D7}-{n},senml,2026-01-01"));
        }

        csv.Write('\n');
    }

    /// <summary>A valid identity number, a different one for each home.</summary>
    private static string Identity(int i)
    {
        var first = string.Create(
            CultureInfo.InvariantCulture,
            $"440111{1930 + i / 1000 / 336 % 30:D4}{i / 1000 / 28 % 12 + 1:D2}{i / 1000 % 28 + 1:D2}{i % 1000:D3}"
        );
        var sum = 0;
        for (var d = 0; d < 17; d++)
            sum += (first[d] - '0') * ((1 << (17 - d)) % 11);
        return first + "10X98765432"[sum % 11];
    }

    private sealed class Told(Action<ImportProgress> tell) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => tell(value);
    }
}
