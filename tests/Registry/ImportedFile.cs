using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;

namespace Vigil.Tests.Registry;

/// <summary>Registry files for tests, and their import.</summary>
internal static class ImportedFile
{
    public const string Village = "440111001001";

    public static FakeTimeProvider Clock() => new(new DateTimeOffset(2026, 1, 15, 4, 0, 0, TimeSpan.Zero));

    public static async Task<ImportOutcome> ImportAsync(
        this IDbContextFactory<RecordsDb> records,
        string csv,
        ImportOptions? options = null,
        TimeProvider? clock = null,
        IProgress<ImportProgress>? progress = null,
        CancellationToken cancellation = default,
        CancellationToken takeBack = default
    )
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(csv));
        return await new RegistryImport(records, clock ?? Clock(), p => p == "senml").ImportAsync(
            content,
            "x.csv",
            options ?? new ImportOptions(),
            progress,
            cancellation,
            takeBack
        );
    }

    /// <summary>Imports a file in which nothing may be wrong.</summary>
    public static async Task<ImportOutcome> GoodAsync(this IDbContextFactory<RecordsDb> records, string csv, ImportOptions? options = null)
    {
        var outcome = await records.ImportAsync(csv, options);
        Assert.Equal("", string.Join('\n', outcome.Problems));
        return outcome;
    }

    /// <summary>A file of homes, each with a contact and a device.</summary>
    public static string Homes(int many, string phone = "138")
    {
        var csv = new StringBuilder("编号,姓名,区划代码,联系电话,紧急联系人1姓名,紧急联系人1电话,设备1编号,设备1型号\n");
        for (var i = 0; i < many; i++)
            csv.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"r{i},王{i},{Village},{phone}{i:D8},王大,137{i:D8},d{i},senml\n"
            );
        return csv.ToString();
    }

    /// <summary>The places of the problems: line, column, value.</summary>
    public static IEnumerable<(int Line, string Column, string Value)> Places(this ImportOutcome outcome) =>
        outcome.Problems.Select(p => (p.Line, p.Id, p.Value));
}

/// <summary>Calls the test with the progress of an import, in the import's own thread.</summary>
internal sealed class Told(Action<ImportProgress> tell) : IProgress<ImportProgress>
{
    public void Report(ImportProgress value) => tell(value);
}
