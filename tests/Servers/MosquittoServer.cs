using System.Diagnostics;
using System.Net.Sockets;

namespace Vigil.Tests.Servers;

/// <summary>Debian's mosquitto with persistence. Without passwords it accepts anonymous clients; with a certificate it uses TLS.</summary>
/// <param name="passwords">User names and passwords.</param>
/// <param name="certificate">PEM files: the server's certificate, its key, and the authority that clients trust.</param>
/// <param name="extra">Further lines of the configuration.</param>
/// <param name="queued">How many messages it keeps for an absent subscriber; null when <paramref name="extra"/> says it.</param>
/// <param name="requireClientCertificate">Whether clients must show a certificate of the same authority, whose common name is their user
/// name.</param>
internal sealed class MosquittoServer(
    IReadOnlyDictionary<string, string>? passwords = null,
    (string Certificate, string Key, string Authority)? certificate = null,
    bool requireClientCertificate = false,
    string extra = "",
    int? queued = 100_000
) : ServerProcess("mosquitto")
{
    protected override ProcessStartInfo Command()
    {
        var lines = new List<string>
        {
            $"listener {Port} 127.0.0.1",
            "persistence true",
            $"persistence_location {Folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
            "max_inflight_messages 1000",
            "log_dest stderr",
        };
        if (queued is { } most)
            lines.Add($"max_queued_messages {most}");
        // Started by root, it would switch to the user mosquitto, who may not enter the test's folder.
        if (Environment.IsPrivilegedProcess)
            lines.Add("user root");
        if (certificate is { } tls)
        {
            lines.AddRange([
                $"certfile {Write("server.crt", tls.Certificate)}",
                $"keyfile {Write("server.key", tls.Key)}",
                $"cafile {Write("ca.crt", tls.Authority)}",
            ]);
            if (requireClientCertificate)
                lines.AddRange(["require_certificate true", "use_identity_as_username true"]);
        }

        if (passwords is null)
        {
            lines.Add("allow_anonymous true");
        }
        else
        {
            var file = Write("passwords", string.Concat(passwords.Select(p => $"{p.Key}:{p.Value}\n")));
            using var hashing = Process.Start(new ProcessStartInfo("/usr/bin/mosquitto_passwd", ["-U", file]))!;
            hashing.WaitForExit();
            Assert.Equal(0, hashing.ExitCode);
            lines.AddRange(["allow_anonymous false", $"password_file {file}"]);
        }

        if (extra.Length > 0)
            lines.Add(extra);
        return new ProcessStartInfo("/usr/sbin/mosquitto", ["-c", Write("mosquitto.conf", string.Join('\n', lines) + "\n")]);
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllText(path, text);
        if (!OperatingSystem.IsWindows() && (name.EndsWith(".key", StringComparison.Ordinal) || name == "passwords"))
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }
}
