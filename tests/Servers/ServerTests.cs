using System.Diagnostics;

namespace Vigil.Tests.Servers;

[Trait("Category", "Server")]
public class ServerTests
{
    [Fact]
    public async Task Mosquitto_with_passwords_lets_in_who_knows_one()
    {
        await using var broker = new MosquittoServer(new Dictionary<string, string> { ["meter"] = "secret" });
        await broker.StartAsync();
        Assert.Equal(0, await PublishAsync(broker, "secret"));
        Assert.NotEqual(0, await PublishAsync(broker, "wrong"));
    }

    [Fact]
    public async Task Postgres_keeps_a_row_over_kill_and_start()
    {
        await using var server = new PostgresServer();
        await server.StartAsync();
        await using (var source = Npgsql.NpgsqlDataSource.Create(server.ConnectionString()))
        {
            await using var insert = source.CreateCommand("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('守望')");
            await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await server.KillAsync();
        await server.StartAsync();
        await using var again = Npgsql.NpgsqlDataSource.Create(server.ConnectionString());
        await using var select = again.CreateCommand("SELECT word FROM kept");
        Assert.Equal("守望", await select.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    private static async Task<int> PublishAsync(MosquittoServer broker, string password)
    {
        using var publish = Process.Start(new ProcessStartInfo("/usr/bin/mosquitto_pub", ["-h", "127.0.0.1", "-p", $"{broker.Port}", "-u", "meter", "-P", password, "-t", "a/b", "-m", "1", "-q", "1"]) { RedirectStandardError = true })!;
        await publish.WaitForExitAsync();
        return publish.ExitCode;
    }
}
