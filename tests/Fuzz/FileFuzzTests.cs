using System.Diagnostics.Metrics;
using System.Text;
using Vigil.Host;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Readings.Influx;
using Vigil.Storage.Records;
using Vigil.Tests.Rules;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Fuzz;

/// <summary>
/// Files of the service and of people with random content: what can't be used is named or left out, and nothing else breaks.
/// </summary>
public sealed class FileFuzzTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-fuzz-").FullName;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task No_damaged_partition_file_stops_the_rules_from_loading_or_is_loaded_in_silence()
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
        var whole = new RulePartitions(RuleSet.Default, zone, partitions: 1);
        var facts = HomeScenario.Home("R1");
        whole.Update([facts], []);
        List<Finding> findings = [];
        for (var h = 0; h < 100; h++)
            whole.Apply(
                facts.Id,
                new Reading
                {
                    Device = new DeviceId("w"),
                    Metric = Metric.WaterVolume,
                    Time = HomeScenario.At(h),
                    Received = HomeScenario.At(h),
                    Value = 100 + h,
                },
                findings
            );
        var saved = Path.Combine(folder, "rules");
        await whole.SaveAsync(saved, 0, HomeScenario.At(100), () => Task.FromResult(true));
        var path = Directory.GetFiles(saved).Single();
        var real = await File.ReadAllBytesAsync(path);
        await Fuzzing.RunAsync(
            "partitions",
            random =>
            {
                var bytes = (byte[])real.Clone();
                if (random.Next(3) == 0)
                    return new Sample("", Mutator.Bytes(random, bytes, [bytes]));
                for (var flips = 1 + random.Next(3); flips > 0; flips--)
                    bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                return new Sample("", bytes);
            },
            sample =>
            {
                File.WriteAllBytes(path, sample.Bytes);
                List<string> told = [];
                var (_, newest) = new RulePartitions(RuleSet.Default, zone, partitions: 1).Load(
                    saved,
                    HomeScenario.At(0),
                    (file, _) => told.Add(file)
                );
                var same = sample.Bytes.AsSpan().SequenceEqual(real);
                if (!same && newest is not null)
                    throw new InvalidDataException("a damaged snapshot was taken for whole");
                if (!same && told.Count == 0)
                    throw new InvalidDataException("nobody is told of a damaged snapshot");
            },
            mostBytes: 256 << 20
        );
    }

    [Fact]
    public Task No_bytes_of_the_spool_are_sent_that_were_not_put_there()
    {
        var clean = Path.Combine(folder, "clean");
        using (var spool = new Spool(clean, 1 << 20, TimeProvider.System))
            foreach (var n in Enumerable.Range(0, 5))
                Assert.True(spool.TryAdd(Encoding.UTF8.GetBytes($"water.volume,device=w-{n} value={n} 176722560000000000{n}\n")));
        var segment = Directory.GetFiles(clean, "*.spool").Single();
        var real = File.ReadAllBytes(segment);
        var said = Enumerable.Range(0, 5).Select(n => $"water.volume,device=w-{n} value={n} 176722560000000000{n}").ToHashSet();
        var hurt = Path.Combine(folder, "hurt");
        Directory.CreateDirectory(hurt);
        return Fuzzing.RunAsync(
            "spool",
            random => new Sample($"{random.Next(4)}", Mutator.Bytes(random, real, [real])),
            sample =>
            {
                foreach (var file in Directory.GetFiles(hurt))
                    File.Delete(file);
                File.WriteAllBytes(Path.Combine(hurt, Path.GetFileName(segment)), sample.Bytes);
                if (sample.About == "0")
                    File.WriteAllBytes(Path.Combine(hurt, "position"), sample.Bytes[..Math.Min(20, sample.Bytes.Length)]);
                if (sample.About == "1")
                    File.WriteAllBytes(Path.Combine(hurt, "x.spool"), sample.Bytes);
                using var spool = new Spool(hurt, 1 << 20, TimeProvider.System);
                using var into = new PooledBytes(1 << 12);
                for (var rounds = 0; spool.TryPeek(into, 1 << 16, out var next); rounds++)
                {
                    foreach (var line in Encoding.UTF8.GetString(into.Memory.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                        if (!said.Contains(line))
                            throw new InvalidDataException($"'{line}' was never put into the spool");
                    spool.Take(next);
                    if (rounds > 100)
                        throw new InvalidOperationException("is never empty");
                }
            }
        );
    }

    [Fact]
    public async Task No_registry_file_does_more_than_be_refused_with_its_lines_or_be_taken()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var csv = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "docs", "registry.csv"));
        var english = Encoding.UTF8.GetBytes(
            "record,id,name,area,identity,birth,phone,visitor id,visitor name,visitor phone,contact 1 name,contact 1 phone,"
                + "contact 1 language,device 1 id,device 1 profile,device 1 installed,device 1 report,"
                + "latitude,longitude,radius,days,hours,first day,last day,away from,away until,substitute\n"
                + "resident,R1,Wang,441900003001,,1940-01-01,13800138000,v1,Li,13800138001,Wang,+8613800138000,en,"
                + "w-1,senml,2026-01-01,60,23.1,113.3,500,,,,,,,\n"
                + "duty,d1,Zhang,441900,,,13800138002,,,,,,,,,,,,,,,,,,,,\n"
                + "duty shift,d1,,,,,,,,,,,,,,,,,,,1-5,08:00-20:00,2026-01-01,2026-12-31,,,\n"
                + "visitor shift,v1,,,,,,,,,,,,,,,,,,,6,00:00-24:00,,,,,\n"
                + "area,,Village,441900003001,,,,,,,,,,,,,,,,,,,,,,,\n"
        );
        using var workbook = new MemoryStream();
        var rows = Csv.Read(new StreamReader(new MemoryStream(english))).Select(r => r.Fields).ToList();
        Sheet.Write(
            workbook,
            "a.xlsx",
            rows[0],
            rows.Skip(1).Select(r => (IReadOnlyList<object?>)[.. rows[0].Select((_, i) => i < r.Count ? r[i] : "")])
        );
        byte[][] texts = [csv, english],
            books = [workbook.ToArray()];
        await Fuzzing.RunAsync(
            "import",
            random =>
                random.Next(4) == 0
                    ? new Sample($"a.xlsx {random.Next(2)}", Book(random, books[0]))
                    : new Sample($"a.csv {random.Next(2)}", Mutator.Next(random, texts)),
            async sample =>
            {
                var import = new RegistryImport(records, TimeProvider.System, p => p == "senml");
                var dry = sample.About.EndsWith('0');
                var (problems, _) = await import.ImportAsync(
                    new MemoryStream(sample.Bytes),
                    sample.About.Split(' ')[0],
                    dry,
                    CancellationToken.None
                );
                Assert.All(problems, p => Assert.False(string.IsNullOrEmpty(p.Message.En)));
            }
        );
    }

    [Fact]
    public async Task No_settings_file_does_more_than_be_refused_with_its_lines_or_be_taken()
    {
        var config = Path.Combine(AppContext.BaseDirectory, "config");
        byte[][] Real(params string[] names) => [.. names.Select(n => File.ReadAllBytes(Path.Combine(config, n)))];
        var profiles = Directory
            .GetFiles(Path.Combine(AppContext.BaseDirectory, "devices"), "*.yaml", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .Select(File.ReadAllBytes)
            .ToList();
        var kinds = new (string Name, IReadOnlyList<byte[]> Real, Action<string, List<Problem>> Load)[]
        {
            ("rules", Real("rules.yaml"), (path, problems) => RuleSet.Load(path, problems)),
            ("policies", Real("policies.yaml"), (path, problems) => Policies.Load(path, problems)),
            ("messages", Real("messages.yaml"), (path, problems) => MessageTexts.Load(path, TimeZoneInfo.Utc, problems)),
            (
                "holidays",
                Real("holidays.yaml"),
                (path, problems) =>
                {
                    var rules = Path.Combine(folder, "with-holidays.yaml");
                    File.WriteAllText(rules, $"holidays: {Path.GetFileName(path)}\nrules: {{}}\n");
                    RuleSet.Load(rules, problems);
                }
            ),
            ("profile", profiles, (path, problems) => Vigil.Ingest.Profiles.ProfileSet.Load(Path.GetDirectoryName(path)!, problems)),
        };
        await Fuzzing.RunAsync(
            "settings",
            random =>
            {
                var kind = kinds[random.Next(kinds.Length)];
                return new Sample(kind.Name, Mutator.Next(random, kind.Real));
            },
            sample =>
            {
                var kind = kinds.First(k => k.Name == sample.About);
                var path = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, kind.Name)).FullName, "file.yaml");
                File.WriteAllBytes(path, sample.Bytes);
                List<Problem> problems = [];
                kind.Load(path, problems);
                if (problems.Exists(p => string.IsNullOrEmpty(p.Message.En)))
                    throw new InvalidOperationException("a problem without words");
            },
            mostBytes: 512 << 20
        );
    }

    [Fact]
    public Task No_token_opens_a_link_but_the_one_that_was_sent()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var links = new SignedLinks(folder, "https://vigil.example", clock);
        var notice = Guid.NewGuid();
        var token = links.For(notice, TimeSpan.FromHours(24)).Split("/c/")[1];
        Assert.Equal(notice, links.Open(token));
        byte[][] real = [Encoding.ASCII.GetBytes(token)];
        return Fuzzing.RunAsync(
            "links",
            random => new Sample(
                "",
                random.Next(2) == 0 ? Mutator.Bytes(random, real[0], real) : Encoding.ASCII.GetBytes(Base64(random, token))
            ),
            sample =>
            {
                var text = Encoding.UTF8.GetString(sample.Bytes);
                if (text != token && links.Open(text) is { } opened)
                    throw new InvalidOperationException($"opens {opened}");
            }
        );
    }

    /// <summary>A token with some bits changed; it is still valid base64.</summary>
    private static string Base64(Random random, string token)
    {
        var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(token);
        for (var flips = 1 + random.Next(3); flips > 0; flips--)
            bytes[random.Next(bytes.Length)] ^= (byte)(1 + random.Next(255));
        var changed = System.Buffers.Text.Base64Url.EncodeToString(bytes);
        return changed == token ? "" : changed;
    }

    /// <summary>A workbook (xlsx) with one of the files in it changed, or with its own bytes changed.</summary>
    private static byte[] Book(Random random, byte[] real)
    {
        if (random.Next(3) == 0)
            return Mutator.Bytes(random, real, [real]);
        using var changed = new MemoryStream();
        changed.Write(real);
        using (var zip = new System.IO.Compression.ZipArchive(changed, System.IO.Compression.ZipArchiveMode.Update, leaveOpen: true))
        {
            var parts = zip.Entries.ToList();
            var part = parts[random.Next(parts.Count)];
            byte[] text;
            using (var read = part.Open())
            using (var copy = new MemoryStream())
            {
                read.CopyTo(copy);
                text = copy.ToArray();
            }

            var name = part.FullName;
            part.Delete();
            if (random.Next(8) > 0)
            {
                using var write = zip.CreateEntry(name).Open();
                write.Write(Mutator.Next(random, [text]));
            }
        }

        return changed.ToArray();
    }
}
