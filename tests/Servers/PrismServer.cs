using System.Diagnostics;

namespace Vigil.Tests.Servers;

/// <summary>
/// Prism with Twilio's own OpenAPI document: it refuses every request that doesn't fit the document, and as a proxy every answer. (The
/// document's own examples of lists don't fit it.)
/// </summary>
/// <param name="upstream">The server that requests are passed on to; null makes Prism answer with the document's examples.</param>
internal sealed class PrismServer(string? upstream = null) : ServerProcess("prism")
{
    public string Url => $"http://127.0.0.1:{Port}";

    public static string Document { get; } = Path.Combine(AppContext.BaseDirectory, "data", "twilio", "twilio_api_v2010.json");

    protected override ProcessStartInfo Command() =>
        new(
            Installed(),
            [
                upstream is null ? "mock" : "proxy",
                "-h",
                "127.0.0.1",
                "-p",
                $"{Port}",
                .. upstream is null ? Array.Empty<string>() : ["--errors"],
                Document,
                .. upstream is null ? Array.Empty<string>() : [upstream],
            ]
        );

    private static string Installed()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Vigil.slnx")))
                return Path.Combine(folder.FullName, "tests", "npm", "node_modules", ".bin", "prism");
        throw new InvalidOperationException("the tests run inside the checkout");
    }
}
