namespace Vigil.Tests.Servers;

/// <summary>Debian's mosquitto on a free loopback port, with persistence.</summary>
public sealed class MosquittoServer : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-mosquitto-").FullName;
    private Server? server;

    public int Port { get; } = Server.FreePort();

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "mosquitto.conf"), $"""
            listener {Port} 127.0.0.1
            allow_anonymous true
            persistence true
            persistence_location {folder}/
            autosave_on_changes true
            autosave_interval 1
            user root
            """);
        server = Server.Start("mosquitto", ["-c", Path.Combine(folder, "mosquitto.conf")]);
        await server.ListensAsync(Port);
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null) await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
