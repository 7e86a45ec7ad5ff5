using Vigil.Storage.Records;

namespace Vigil.Tests.Storage.Records;

public sealed class CsvTests
{
    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+8613800138000", "'+8613800138000")]
    [InlineData("-", "'-")]
    [InlineData("@x", "'@x")]
    [InlineData("\t=1", "'\t=1")]
    [InlineData("\0=1", "'\0=1")]
    [InlineData("＝1", "'＝1")]
    [InlineData("'=1", "''=1")]
    [InlineData("'quoted'", "'quoted'")]
    [InlineData("a,\"b\"", "\"a,\"\"b\"\"\"")]
    [InlineData("\r\n=1", "\"'\r\n=1\"")]
    public void What_is_exported_carries_no_formula_and_reads_as_it_was(string text, string written)
    {
        Assert.Equal(written, Csv.Escape(text));
        Assert.Equal(
            text,
            Csv.Unescape(
                Csv.Read(new StringReader(Csv.Escape(text) + ",")).Single().Fields[0].Replace("\n", "\n", StringComparison.Ordinal)
            )
        );
    }

    [Fact]
    public void Any_text_comes_back_from_CSV_and_from_a_workbook_as_it_was()
    {
        const string Seeds = "=+-@\t'\"',;\n aé王秀英😀0";
        var random = new Random(20261128);
        var texts = Enumerable
            .Range(0, 400)
            .Select(_ => new string([.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => Seeds[random.Next(14)])]) + "x")
            .ToList();
        foreach (var name in new[] { "a.csv", "a.xlsx" })
        {
            using var file = new MemoryStream();
            Sheet.Write(file, name, ["first", "second"], texts.Select(t => (IReadOnlyList<object?>)[t, "-"]));
            file.Position = 0;
            var read = Sheet.Read(file, name).Skip(1).Select(r => r.Fields).ToList();
            Assert.Equal(texts, read.Select(f => f[0]));
            Assert.All(read, f => Assert.Equal("-", f[1]));
        }
    }

    [Fact]
    public void A_number_is_no_formula_whatever_its_sign() => Assert.Equal("-12.5,-3,'-12.5", Sheet.CsvLine([-12.5, -3L, "-12.5"]));

    [Fact]
    public void A_workbook_with_control_characters_and_half_a_pair_of_surrogates_still_opens()
    {
        using var file = new MemoryStream();
        Sheet.Write(
            file,
            "a.xlsx",
            ["a"],
            [
                ["x\u0001\u0000y\uD83Dz"],
            ]
        );
        file.Position = 0;
        Assert.Equal("xy\uFFFDz", Sheet.Read(file, "a.xlsx").Last().Fields.Single());
    }

    /// <summary>All CSV is written by the one writer: no source file joins values with commas itself.</summary>
    [Fact]
    public void Nobody_writes_CSV_by_hand()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Vigil.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        var files = Directory
            .GetFiles(Path.Combine(folder, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f =>
                File.ReadAllText(f) is var text
                && (text.Contains("text/csv", StringComparison.Ordinal) || text.Contains(".csv\"", StringComparison.Ordinal))
            )
            .ToList();
        Assert.Contains(files, f => f.EndsWith("PersonalArchive.cs", StringComparison.Ordinal));
        Assert.All(files, f => Assert.DoesNotMatch("Write(Line)?(Async)?\\([^;]*\\},\\{", File.ReadAllText(f)));
    }
}
