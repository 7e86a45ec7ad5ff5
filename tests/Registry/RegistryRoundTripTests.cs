using CsCheck;
using Microsoft.EntityFrameworkCore;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Registry;

/// <summary>
/// Exported and imported into an empty registry, residents come out as the same file again; imported where they came from, they change
/// nothing.
/// </summary>
public sealed class RegistryRoundTripTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-round-").FullName;
    private int store;

    /// <summary>
    /// Texts with characters that mean something in CSV, XML and spreadsheets. No white space at the ends, because the import trims it.
    /// </summary>
    private static readonly Gen<string> Text = Gen.OneOf(
            "王",
            "秀",
            "a",
            "Z",
            "0",
            "9",
            ",",
            "\"",
            "'",
            "\n",
            ";",
            "=",
            "+",
            "-",
            "@",
            "<",
            "&",
            " ",
            "，",
            "㐂",
            "𠮷",
            "_x000D_",
            "\t"
        )
        .Array[0, 8]
        .Select(p => string.Concat(p).Trim());

    private static readonly Gen<string> Name = Text.Select(t => t.Length == 0 ? "王" : t);
    private static readonly Gen<string> Phone = Gen.Int[0, 99_999_999].Select(n => $"+86138{n:D8}");
    private static readonly Gen<DateOnly?> Day = Gen.Int[0, 40_000].Select(n => (DateOnly?)new DateOnly(1920, 1, 1).AddDays(n));
    private static readonly Gen<double> Degrees = Gen.Double[-90, 90];

    private static readonly Gen<Resident> Somebody =
        from name in Name
        from texts in Text.Array[10]
        from phone in Gen.OneOf(Gen.Const(""), Phone)
        from days in Gen.OneOf(Gen.Const((DateOnly?)null), Day).Array[2]
        from flags in Gen.Bool.Array[3]
        from numbers in Gen.OneOf(Gen.Const((double?)null), Gen.Double[0, 10_000_000].Select(d => (double?)d)).Array[3]
        from place in Gen.OneOf(Gen.Const((double?)null), Degrees.Select(d => (double?)d)).Array[2]
        from radius in Gen.Double[10, 100_000]
        from categories in Gen.OneOf("", "独居", "独居,失能", "空巢、重残")
        from visitor in Gen.Int[0, 3]
        from contacts in (
            from n in Name
            from r in Text
            from p in Phone
            from l in Gen.OneOf("zh", "en", "yue")
            from d in Gen.Bool
            select (n, r, p, l, d)
        ).Array[0, 3]
        from members in (from n in Name from r in Text from h in Text from s in Gen.Bool select (n, r, h, s)).Array[0, 3]
        from devices in (from d in Gen.Int[0, 8_000] from m in Gen.OneOf(Gen.Const(0), Gen.Int[1, 100_000]) select (d, m)).Array[0, 11]
        from serial in Gen.Int[0, 27_999]
        select new Resident
        {
            Id = "",
            Name = name,
            Area = "440111001001",
            IdentityNumber = serial % 2 == 0 ? "" : $"{serial}",
            Phone = phone,
            Address = texts[0],
            Gender = texts[1],
            BirthDate = days[0],
            RegisteredAddress = texts[2],
            DisabilityCertificate = texts[3],
            FiledOn = days[1],
            DrinkingWater = texts[4],
            ElectricitySafety = texts[5],
            GasSafety = texts[6],
            Housing = texts[7],
            MonthlyIncome = numbers[0],
            MonthlyPension = numbers[1],
            MonthlyBenefits = numbers[2],
            HelpedBy = texts[8],
            HelpContact = name,
            Help = texts[9],
            Categories = categories,
            KeyClass = flags[0],
            ConsentService = flags[1],
            ConsentDailyLife = flags[2],
            HomeLatitude = place[0],
            HomeLongitude = place[1],
            HomeRadiusMetres = radius,
            VisitorId = visitor == 0 ? null : $"v{visitor}",
            Contacts =
            [
                .. contacts.Select(
                    (c, i) =>
                        new Contact
                        {
                            Id = Guid.NewGuid(),
                            ResidentId = "",
                            Order = 1 + i * 2,
                            Name = c.n,
                            Relation = c.r,
                            Phone = i == 1 ? "" : c.p,
                            Mail = i == 1 ? "=a@example.org" : "",
                            Language = c.l,
                            DailyDigest = c.d,
                        }
                ),
            ],
            Household =
            [
                .. members.Select(
                    (m, i) =>
                        new HouseholdMember
                        {
                            Id = Guid.NewGuid(),
                            ResidentId = "",
                            Order = 1 + i,
                            Name = m.n,
                            Relation = m.r,
                            Health = m.h,
                            Supported = m.s,
                        }
                ),
            ],
            Devices =
            [
                .. devices.Select(
                    (d, i) =>
                        new Device
                        {
                            Id = $"{i}",
                            Profile = "senml",
                            InstalledAt = new DateTime(2020, 1, 1, 13, 0, 0, DateTimeKind.Utc).AddDays(d.d),
                            ReportMinutes = d.m == 0 ? null : d.m,
                        }
                ),
            ],
        };

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("residents.csv")]
    [InlineData("residents.xlsx")]
    public Task An_export_that_is_imported_is_exported_as_the_same_file(string name) =>
        Somebody.Array[0, 6].SampleAsync(people => RoundAsync(people, name), iter: 25, threads: 1);

    private async Task RoundAsync(Resident[] people, string name)
    {
        var there = await FreshRecords.SqliteAsync(Path.Combine(folder, $"{store++}"));
        await using (var db = await there.CreateDbContextAsync())
        {
            for (var v = 1; v <= 3; v++)
                db.Add(
                    new Visitor
                    {
                        Id = $"v{v}",
                        Name = $"陈{v}",
                        Phone = $"+861390000000{v}",
                    }
                );
            foreach (var (i, person) in people.Index())
            {
                person.Id = $"-r{i}"; // in a spreadsheet this id would be a formula
                if (person.IdentityNumber is { Length: > 0 and < 18 } serial)
                    person.IdentityNumber = ImportChangesTests.WithCheckDigit($"44011119410517{(int.Parse(serial) * 10 + i) % 1000:D3}");
                foreach (var device in person.Devices)
                    device.Id = $"d{i}-{device.Id}";
            }

            foreach (var person in people.DistinctBy(p => p.IdentityNumber.Length == 0 ? p.Id : p.IdentityNumber))
                db.Add(person);
            await db.SaveChangesAsync();
        }

        var first = await ExportAsync(there, name);
        var elsewhere = await FreshRecords.SqliteAsync(Path.Combine(folder, $"{store++}"));
        var import = new RegistryImport(elsewhere, ImportedFile.Clock(), p => p == "senml");
        Assert.Equal("", string.Join('\n', (await import.ImportAsync(new MemoryStream(first), name, false, default)).Problems));
        var second = await ExportAsync(elsewhere, name);
        Assert.Equal(Rows(first, name), Rows(second, name));
        if (!Sheet.IsXlsx(name)) // a workbook contains the time at which it was written
            Assert.Equal(first, second);
        var back = await new RegistryImport(there, ImportedFile.Clock(), _ => true).ImportAsync(
            new MemoryStream(first),
            name,
            true,
            default
        );
        Assert.Equal("", string.Join('\n', back.Changes.Lines.Select(l => l.En)));
    }

    [Theory]
    [InlineData("registry.csv")]
    [InlineData("registry.xlsx")]
    public async Task The_whole_registry_that_is_imported_is_exported_as_the_same_file(string name)
    {
        var stop = TestContext.Current.CancellationToken;
        var there = await FreshRecords.SqliteAsync(Path.Combine(folder, "whole"));
        await using (var example = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "docs", "registry.csv")))
            Assert.Empty(
                (
                    await new RegistryImport(there, ImportedFile.Clock(), _ => true).ImportAsync(example, "registry.csv", false, stop)
                ).Problems
            );
        await there.GoodAsync(
            "记录,编号,姓名,区划代码,电话,邮箱,网络钩子,语言,替班编号,离岗自,离岗至,星期,时段,起始日,截止日\n"
                + "值班,o8,林,440111,13900000008,a@example.org,https://example.org/x,en,o9,2026-02-01,2026-02-09,,,,\n"
                + "主管,o9,何,440111,13900000009,,,,,,,,,,\n"
                + "探访人,v8,陈,440111001001,13900000007,,,yue,,,2026-03-01,,,,\n"
                + "值班班次,o8,,,,,,,,,,一至五,20:00-08:00,2026-01-01,\n"
                + "值班班次,o8,,,,,,,,,,\"6,7\",,,2026-12-31\n"
                + "探访班次,v8,,,,,,,,,,1,08:00-12:00,,\n"
        );
        var first = await WholeAsync(there, name);
        Assert.Equal(["area", "visitor", "duty", "supervisor", "resident", "duty shift", "visitor shift"], Kinds(first, name));
        var elsewhere = await FreshRecords.SqliteAsync(Path.Combine(folder, "elsewhere"));
        var import = new RegistryImport(elsewhere, ImportedFile.Clock(), _ => true);
        Assert.Equal("", string.Join('\n', (await import.ImportAsync(new MemoryStream(first), name, false, stop)).Problems));
        Assert.Equal(Rows(first, name), Rows(await WholeAsync(elsewhere, name), name));
        var back = await new RegistryImport(there, ImportedFile.Clock(), _ => true).ImportAsync(
            new MemoryStream(first),
            name,
            new ImportOptions { DryRun = true, Replace = true },
            null,
            stop
        );
        Assert.Equal("", string.Join('\n', back.Changes.Lines.Select(l => l.En)));
        Assert.All(back.Changes.Counts, c => Assert.EndsWith("unchanged", c.En, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_empty_file_to_fill_in_is_read_in_both_languages()
    {
        var records = await FreshRecords.SqliteAsync(Path.Combine(folder, "template"));
        foreach (var language in new[] { "zh", "en" })
        {
            using var file = new MemoryStream();
            Sheet.Write(file, "x.xlsx", RegistryTemplate.Headings(language), []);
            file.Position = 0;
            var outcome = await new RegistryImport(records, ImportedFile.Clock(), _ => true).ImportAsync(
                file,
                "x.xlsx",
                false,
                TestContext.Current.CancellationToken
            );
            Assert.Equal("", string.Join('\n', outcome.Problems));
        }

        Assert.Equal(
            RegistryHeadings
                .All.Where(h => !h.En.Contains(" N ", StringComparison.Ordinal))
                .Select(h => h.En)
                .Distinct()
                .Except(OfOthers)
                .Order(StringComparer.Ordinal),
            RegistryTemplate.Headings("en").Where(h => !h.Any(char.IsAsciiDigit)).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Every_heading_of_a_resident_is_exported()
    {
        var records = await FreshRecords.SqliteAsync(Path.Combine(folder, "all"));
        await using (var db = await records.CreateDbContextAsync(TestContext.Current.CancellationToken))
        {
            db.Add(
                new Resident
                {
                    Id = "r1",
                    Name = "王",
                    Area = "440111001001",
                    Contacts =
                    [
                        new Contact
                        {
                            ResidentId = "r1",
                            Order = 1,
                            Name = "甲",
                        },
                    ],
                    Household =
                    [
                        new HouseholdMember
                        {
                            ResidentId = "r1",
                            Order = 1,
                            Name = "乙",
                        },
                    ],
                    Devices = [new Device { Id = "d1", Profile = "senml" }],
                }
            );
            await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        }

        var (headings, _) = await RegistryExport.ReadAsync(records, TestContext.Current.CancellationToken);
        Assert.Equal(
            RegistryHeadings
                .All.Select(h => h.En.Replace(" N ", " 1 ", StringComparison.Ordinal))
                .Distinct()
                .Except(OfOthers)
                .Order(StringComparer.Ordinal),
            headings.Order(StringComparer.Ordinal)
        );
    }

    /// <summary>Headings that aren't of residents.</summary>
    private static readonly string[] OfOthers =
    [
        "record",
        "mail",
        "language",
        "webhook",
        "substitute",
        "away from",
        "away until",
        "days",
        "hours",
        "first day",
        "last day",
    ];

    private static async Task<byte[]> WholeAsync(IDbContextFactory<RecordsDb> records, string name)
    {
        var (headings, rows) = await RegistryExport.ReadWholeAsync(records, default);
        using var file = new MemoryStream();
        Sheet.Write(file, name, headings, rows);
        return file.ToArray();
    }

    private static IEnumerable<string> Kinds(byte[] file, string name) =>
        Sheet.Read(new MemoryStream(file), name).Skip(1).Select(r => r.Fields[0]).Distinct();

    private static async Task<byte[]> ExportAsync(IDbContextFactory<RecordsDb> records, string name)
    {
        var (headings, rows) = await RegistryExport.ReadAsync(records, default);
        using var file = new MemoryStream();
        Sheet.Write(file, name, headings, rows);
        return file.ToArray();
    }

    private static List<string> Rows(byte[] file, string name) =>
        [.. Sheet.Read(new MemoryStream(file), name).Select(r => string.Join('|', r.Fields))];
}
