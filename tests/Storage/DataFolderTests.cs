using Vigil.Storage;

namespace Vigil.Tests.Storage;

/// <summary>What a data folder says about the service that used it before.</summary>
public sealed class DataFolderTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("vigil-folder-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public void A_service_that_did_not_end_as_it_should_has_crashed_and_an_import_alone_is_no_service()
    {
        var data = new DataFolder(folder.FullName);
        data.Began("Sqlite"); // as <c>vigil import</c> does
        Assert.False(data.Read()!.IsCrashed);
        data.Started("1.0");
        Assert.True(data.Read()!.IsCrashed);
        data.Stopped();
        Assert.False(data.Read()!.IsCrashed);
    }

    [Fact]
    public void Where_the_file_is_damaged_nobody_knows_and_the_records_are_looked_at()
    {
        File.WriteAllText(Path.Combine(folder.FullName, "data.json"), "{");
        Assert.True(new DataFolder(folder.FullName).Read()!.IsCrashed);
    }
}
