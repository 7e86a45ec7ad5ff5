using Microsoft.Data.Sqlite;
using Vigil.Tests.Servers;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.EndToEnd;

/// <summary>
/// The published executable: nobody else may read its files, and <c>vigil check --audit</c> names a changed row while the service runs.
/// </summary>
[Trait("Category", "Server")]
public sealed class AuditCommandTests
{
    private const string Registry = """
        record,id,name,area,phone,contact 1 name,contact 1 phone,device 1 id,device 1 profile
        resident,R1,王秀英,440114003201,,王小明,13800138001,sos-1,senml
        duty,D1,镇值班室,440114003,13600136000,,,,
        """;

    [Fact]
    public async Task The_check_runs_beside_the_service_and_names_the_row_that_was_changed_and_no_file_is_for_others_to_read()
    {
        await using var vigil = await VigilServer.StartAsync(Registry);
        var password = await vigil.CredentialAsync("sos-1");
        Assert.Equal(
            0,
            (await vigil.PublishAsync(vigil.MqttPort, "vigil/sos-1/up", """[{"n":"button","vs":"sos"}]""", "sos-1", password)).Code
        );
        var alarm = (await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1))[0].GetProperty("id").GetString()!;
        (await vigil.PostAsync($"alarms/{alarm}/resolve", new { resolution = "true" })).EnsureSuccessStatusCode();
        (int Code, string Output) found;
        var begun = TimeProvider.System.GetTimestamp();
        while ((found = await vigil.RunAsync("check", "--audit")).Output.Contains("not chained yet", StringComparison.Ordinal))
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(60), found.Output);
        Assert.True(
            found.Code == 0 && found.Output.Contains("the chain is whole, 1 signed head fit", StringComparison.Ordinal),
            found.Output
        );

        var data = Path.Combine(vigil.Folder, "data");
        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode Others =
                UnixFileMode.GroupRead
                | UnixFileMode.GroupWrite
                | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead
                | UnixFileMode.OtherWrite
                | UnixFileMode.OtherExecute;
            var all = Directory.GetFileSystemEntries(data, "*", SearchOption.AllDirectories).Append(data).ToList();
            foreach (var name in new[] { "records.db", "readings.duckdb", "fields.key", "links.key", "audit.key", "head.json" })
                Assert.Contains(all, f => Path.GetFileName(f) == name);
            foreach (var file in all)
                Assert.True((File.GetUnixFileMode(file) & Others) == 0, $"{file} is {File.GetUnixFileMode(file)}");
        }

        await using (var db = new SqliteConnection($"Data Source={Path.Combine(data, "records.db")}"))
        {
            await db.OpenAsync(Token);
            await using var command = db.CreateCommand();
            command.CommandText = "UPDATE Timeline SET Who = 'nobody' WHERE What = 'resolved'";
            Assert.Equal(1, await command.ExecuteNonQueryAsync(Token));
        }

        found = await vigil.RunAsync("check", "--audit");
        Assert.Equal(1, found.Code);
        Assert.Contains($"of alarm:{alarm} was changed: it was 'resolved' by api:test", found.Output, StringComparison.Ordinal);
    }
}
