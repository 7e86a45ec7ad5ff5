using System.IO.Compression;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;
using static Vigil.Tests.Registry.ImportChangesTests;
using static Vigil.Tests.Registry.ImportedFile;

namespace Vigil.Tests.Registry;

/// <summary>
/// Every mistake in a county's file is reported with its row, its column and its value, and then nothing of the file is imported.
/// </summary>
public sealed class ImportErrorsTests : IDisposable
{
    private static readonly ImportOptions Ids = new() { IdsFromIdentity = true };
    private static readonly string Wang = WithCheckDigit("44011119410517001"),
        Li = WithCheckDigit("44011119420617002");
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-import-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_file_without_the_column_of_ids_says_so()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var problem = Assert.Single((await records.ImportAsync("姓名,区划代码\n王秀英,440111001001\n李桂兰,440111001001\n")).Problems);
        Assert.Equal((1, "column id is missing", "缺少列：编号"), (problem.Line, problem.Message.En, problem.Message.Zh));
        // Rows of areas need no id; the first row that does need one reports the missing column, once.
        await records.GoodAsync("记录,姓名,区划代码\n区划,白云区,440111\n");
        problem = Assert.Single((await records.ImportAsync("记录,姓名,区划代码\n老人,王,440111001001\n老人,李,440111001001\n")).Problems);
        Assert.Equal("缺少列：编号", problem.Message.Zh);
    }

    [Fact]
    public async Task The_headings_are_found_under_the_title_rows_of_a_form()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var outcome = await records.ImportAsync(
            "特殊困难老年人一人一档登记表,,,\n填表单位：某镇,,日期：2026-01-02,\n,,,\n编号,姓名,区划代码,联系电话\nr1,王秀英,440111001001,13800138000\n,,,\nr2,李,440111001001,12\n"
        );
        Assert.Equal([(7, "phone", "12")], outcome.Places());
        await records.GoodAsync(
            "特殊困难老年人一人一档登记表,,,\n填表单位：某镇,,日期：2026-01-02,\n编号,姓名,区划代码,联系电话\nr1,王秀英,440111001001,13800138000\n"
        );
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal("王秀英", (await db.Residents.SingleAsync(Stop)).Name);
    }

    [Fact]
    public async Task Unknown_headings_and_headings_that_stand_there_twice_are_named()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var outcome = await records.ImportAsync("编号,姓名,区划代码,电话,联系电话,颜色,姓名=,设备1编号=\nr1,王,440111001001,,,,,\n");
        Assert.Equal(
            [(1, "phone", "联系电话"), (1, "column 6", "颜色"), (1, "name", "姓名="), (1, "device 1 id", "设备1编号=")],
            outcome.Places()
        );
    }

    [Theory]
    [InlineData("device -2147483649 report")]
    [InlineData("device 99999999999 id")]
    [InlineData("contact x name")]
    [InlineData("household 100 name")]
    public async Task A_heading_that_looks_like_one_with_a_number_is_unknown_and_no_more(string heading)
    {
        var records = await FreshRecords.SqliteAsync(folder);
        Assert.Equal([(1, "column 3", heading)], (await records.ImportAsync($"编号,姓名,{heading}\n")).Places());
    }

    [Fact]
    public async Task A_category_that_nobody_knows_is_an_error()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var outcome = await records.ImportAsync(
            "编号,姓名,区划代码,对象类型\nr1,王,440111001001,\"独居,失能\"\nr2,李,440111001001,独居、很老\n"
        );
        Assert.Equal([(3, "categories", "很老")], outcome.Places());
    }

    [Fact]
    public async Task An_identity_number_that_two_people_have_is_an_error_in_the_file_and_against_the_registry()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var twice = await records.ImportAsync(
            $"编号,姓名,区划代码,身份证号\nr1,王,440111001001,{Wang}\nr2,李,440111001001,{Li}\nr3,周,440111001001,{Wang}\n"
        );
        Assert.Equal([(4, "identity")], twice.Problems.Select(p => (p.Line, p.Id)));
        Assert.Equal("与服务对象 r1 的身份证号相同", twice.Problems[0].Message.Zh);
        Assert.DoesNotContain(Wang, twice.Problems[0].ToString(), StringComparison.Ordinal);
        await records.GoodAsync($"编号,姓名,区划代码,身份证号\nr1,王,440111001001,{Wang}\n");
        var taken = await records.ImportAsync($"编号,姓名,区划代码,身份证号\nr9,李,440111001001,{Wang.ToLowerInvariant()}\n");
        Assert.Equal([(2, "identity")], taken.Problems.Select(p => (p.Line, p.Id)));
        // Two numbers that had been exchanged can be corrected in one file.
        await records.GoodAsync($"编号,姓名,区划代码,身份证号\nr2,李,440111001001,{Li}\n");
        await records.GoodAsync($"编号,身份证号\nr1,{Li}\nr2,{Wang}\n");
    }

    [Fact]
    public async Task Somebody_of_another_area_with_the_same_number_is_not_named()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync($"编号,姓名,区划代码,身份证号\nr1,王,440111001001,{Wang}\n");
        var taken = await records.ImportAsync(
            $"编号,姓名,区划代码,身份证号\nr9,李,441900003001,{Wang}\n",
            new ImportOptions { Bound = "4419" }
        );
        Assert.DoesNotContain("r1", Assert.Single(taken.Problems).Message.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_area_that_the_registry_does_not_know_is_an_error_once_it_knows_any()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync("编号,姓名,区划代码\nr1,王,440111001001\n");
        var outcome = await records.ImportAsync(
            "记录,编号,姓名,区划代码\n老人,r2,李,440111001002\n老人,r3,周,440111001003\n区划,,某村,440111001002\n值班,d1,陈,440112\n区划,,白云区,440111\n"
        );
        Assert.Equal([(3, "area", "440111001003"), (5, "area", "440112")], outcome.Places());
        await records.GoodAsync("记录,编号,姓名,区划代码\n老人,r2,李,440111001002\n区划,,某村,440111001002\n");
        // Residents in an area that is unknown by now can still be imported, but no new one is accepted there.
        await records.GoodAsync("编号,姓名,区划代码\nr1,王秀英,440111001001\n");
        Assert.Equal([(2, "area", "440111001001")], (await records.ImportAsync("编号,姓名,区划代码\nr4,吴,440111001001\n")).Places());
    }

    [Fact]
    public async Task Ids_are_made_of_identity_numbers_stay_the_same_and_do_not_tell_them()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var file = $"姓名,区划代码,身份证号,电话\n王,440111001001,{Wang},13800138000\n李,440111001001,{Li},13800138001\n";
        await records.GoodAsync(file, Ids);
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            var residents = await db.Residents.ToListAsync(Stop);
            Assert.Equal(2, residents.Select(r => r.Id).Distinct().Count());
            Assert.All(residents, r => Assert.Matches("^p[0-9a-f]{20}$", r.Id));
            // An id must not be a plain hash: with so few possible numbers it could be reversed by trying.
            var plain = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(Wang)));
            Assert.DoesNotContain(residents, r => plain.Contains(r.Id[1..], StringComparison.Ordinal));
        }

        Assert.Equal("resident: 2 unchanged", (await records.GoodAsync(file, Ids)).Changes.Counts[0].En);
        // Residents who have an id keep it.
        await records.GoodAsync($"编号,姓名,区划代码,身份证号\nr7,周,440111001001,{WithCheckDigit("44011119430717003")}\n");
        var known = await records.GoodAsync($"姓名,身份证号\n周三,{WithCheckDigit("44011119430717003")}\n", Ids);
        Assert.Equal("resident r7: name 周 → 周三", known.Changes.Lines.Single().En);
        // No id can be made without a number, and two rows with one number are the same person twice.
        var none = await records.ImportAsync(
            $"姓名,区划代码,身份证号\n吴,440111001001,\n郑,440111001001,{Wang}\n王,440111001001,{Wang}\n",
            Ids
        );
        Assert.Equal([(2, "identity"), (4, "id")], none.Problems.Select(p => (p.Line, p.Id)));
    }

    [Fact]
    public async Task An_id_that_was_made_of_a_number_is_not_taken_for_another_person()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync($"姓名,区划代码,身份证号\n王,440111001001,{Wang}\n", Ids);
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            (await db.Residents.SingleAsync(Stop)).IdentityNumber = Li; // a typing mistake in the number was corrected
            await db.SaveChangesAsync(Stop);
        }

        var other = await records.ImportAsync($"姓名,区划代码,身份证号\n周,440111001001,{Wang}\n", Ids);
        Assert.Equal([(2, "id")], other.Problems.Select(p => (p.Line, p.Id)));
    }

    [Theory]
    [InlineData(
        "编号,姓名,区划代码,住址\nr1,王,440111001001,一巷\nr2,李,4401110010",
        3,
        "文件在此行中断（4 列中只有 3 列）：文件可能不完整"
    )]
    [InlineData("编号,姓名,区划代码,住址\nr1,王,440111001001,\"一巷\nr2,李,440111001001,二巷\n", 2, "此行的引号没有闭合：文件可能不完整")]
    public async Task A_file_that_was_cut_in_half_is_refused_where_it_ends(string csv, int line, string says)
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var outcome = await records.ImportAsync(csv);
        Assert.Contains(outcome.Problems, p => p.Line == line && p.Message.Zh == says);
        Assert.False(outcome.Written);
    }

    [Fact]
    public async Task A_last_row_without_a_line_end_is_whole_when_it_has_all_its_fields()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync("编号,姓名,区划代码\nr1,王,440111001001");
    }

    [Fact]
    public async Task The_results_of_formulas_are_read_and_their_errors_are_refused()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        using var book = new MemoryStream();
        Sheet.Write(
            book,
            "f.xlsx",
            ["编号", "姓名", "区划代码", "住址"],
            [
                ["r1", "王", "440111001001", "REPLACED"],
            ]
        );
        Replace(book, "REPLACED", "<c r=\"D2\" t=\"str\"><f>CONCATENATE(\"一\",\"巷\")</f><v>一巷</v></c>");
        Assert.Empty((await ImportAsync(records, book)).Problems);
        await using (var db = await records.CreateDbContextAsync(Stop))
            Assert.Equal("一巷", (await db.Residents.SingleAsync(Stop)).Address);
        book.SetLength(0);
        Sheet.Write(
            book,
            "f.xlsx",
            ["编号", "姓名", "区划代码", "住址"],
            [
                ["r1", "王", "440111001001", "REPLACED"],
            ]
        );
        Replace(book, "REPLACED", "<c r=\"D2\" t=\"e\"><f>VLOOKUP(1,A1:A2,9)</f><v>#REF!</v></c>");
        var problem = Assert.Single((await ImportAsync(records, book)).Problems);
        Assert.Equal((2, "address", "#REF!", "是公式错误，不是值"), (problem.Line, problem.Id, problem.Value, problem.Message.Zh));

        static void Replace(MemoryStream book, string text, string cell)
        {
            book.Position = 0;
            using var zip = new ZipArchive(book, ZipArchiveMode.Update, leaveOpen: true);
            var sheet = zip.Entries.Single(e => e.FullName.Contains("worksheets/sheet1", StringComparison.Ordinal));
            string xml;
            using (var reader = new StreamReader(sheet.Open()))
                xml = reader.ReadToEnd();
            var at = xml.IndexOf(text, StringComparison.Ordinal);
            Assert.True(at > 0, "texts stand in the sheet itself");
            var (from, to) = (xml.LastIndexOf("<x:c ", at, StringComparison.Ordinal), xml.IndexOf("</x:c>", at, StringComparison.Ordinal));
            var prefixed = cell.Replace("<c ", "<x:c ", StringComparison.Ordinal)
                .Replace("</c>", "</x:c>", StringComparison.Ordinal)
                .Replace("<f>", "<x:f>", StringComparison.Ordinal)
                .Replace("</f>", "</x:f>", StringComparison.Ordinal)
                .Replace("<v>", "<x:v>", StringComparison.Ordinal)
                .Replace("</v>", "</x:v>", StringComparison.Ordinal);
            xml = xml[..from] + prefixed + xml[(to + "</x:c>".Length)..];
            using var writer = new StreamWriter(sheet.Open());
            writer.BaseStream.SetLength(0);
            writer.Write(xml);
        }

        async Task<ImportOutcome> ImportAsync(IDbContextFactory<RecordsDb> into, MemoryStream file)
        {
            file.Position = 0;
            return await new RegistryImport(into, ImportedFile.Clock(), _ => true).ImportAsync(file, "f.xlsx", false, Stop);
        }
    }

    [Fact]
    public async Task A_small_workbook_that_unpacks_to_more_than_a_gibibyte_is_refused_before_it_is_read()
    {
        using var book = new MemoryStream();
        using (var zip = new ZipArchive(book, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var sheet = zip.CreateEntry("xl/worksheets/sheet1.xml", CompressionLevel.SmallestSize).Open();
            var spaces = new byte[1 << 20];
            for (var i = 0; i <= 1024; i++)
                sheet.Write(spaces);
        }

        book.Position = 0;
        var outcome = await new RegistryImport(await FreshRecords.SqliteAsync(folder), ImportedFile.Clock(), _ => true).ImportAsync(
            book,
            "b.xlsx",
            false,
            Stop
        );
        Assert.Contains("more than 1 GiB", Assert.Single(outcome.Problems).Message.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_in_GB18030_is_read_as_it_was_written()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var gb = CodePagesEncodingProvider.Instance.GetEncoding("GB18030")!;
        using var content = new MemoryStream(gb.GetBytes("编号,姓名,区划代码,住址\r\nr1,王㐂英,440111001001,某某村三巷5号\r\n"));
        Assert.Empty((await new RegistryImport(records, Clock(), _ => true).ImportAsync(content, "x.csv", false, Stop)).Problems);
        using var utf16 = new MemoryStream([
            .. Encoding.Unicode.Preamble,
            .. Encoding.Unicode.GetBytes("编号,姓名,区划代码\nr2,李,440111001001\n"),
        ]);
        Assert.Empty((await new RegistryImport(records, Clock(), _ => true).ImportAsync(utf16, "x.csv", false, Stop)).Problems);
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(
            [("王㐂英", "某某村三巷5号"), ("李", "")],
            (await db.Residents.OrderBy(r => r.Id).ToListAsync(Stop)).Select(r => (r.Name, r.Address))
        );
    }

    [Fact]
    public async Task A_device_that_two_homes_name_is_an_error_also_far_apart_in_the_file()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var outcome = await records.ImportAsync(Homes(2100) + "r9999,王,440111001001,,王大,13700000000,d5,senml\n");
        Assert.Equal([(2102, "device 1 id", "d5")], outcome.Places());
        Assert.Equal("属于服务对象 r5", outcome.Problems[0].Message.Zh);
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(0, await db.Residents.CountAsync(Stop));
    }
}
