using System.Globalization;
using System.Net.Http;
using System.Text;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>The places in which signed heads of the audit log are kept. Section <c>Audit</c>.</summary>
internal static class AuditHeads
{
    public static string Newest(Settings settings) => Path.Combine(settings.DataPath, "audit", "head.json");

    public static IEnumerable<Problem> Check(AuditOptions options)
    {
        if (File.Exists(options.HeadFile))
            yield return new Problem(
                "Audit:HeadFile",
                0,
                "",
                options.HeadFile,
                "is a file; it has to be a folder, which gets a file a day"
            );
    }

    /// <summary>Reads all heads: the newest, those that proved a cut, those in the export folder, and files that were named.</summary>
    /// <returns>Those with a valid signature, and a sentence about each of the others.</returns>
    public static (List<AuditHead> Heads, List<string> Problems) Kept(Settings settings, AuditKey? key, IEnumerable<string>? named = null)
    {
        var (heads, problems) = (new List<AuditHead>(), new List<string>());
        foreach (var path in Files(Path.GetDirectoryName(Newest(settings))!).Concat(Files(settings.Audit.HeadFile)).Concat(named ?? []))
        {
            var found = AuditHead.Read(File.ReadAllText(path));
            if (
                (
                    found is null ? "is no head"
                    : key is null ? "can't be checked without keys/audit.key"
                    : key.Refuses(found)
                ) is
                { } why
            )
                problems.Add($"{path} {why}");
            else
                heads.Add(found!);
        }

        return (heads, problems);
    }

    public static async Task ExportAsync(Settings settings, AuditHead head, DateOnly day, CancellationToken cancellation)
    {
        if (settings.Audit.HeadFile is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(
                Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"audit-head-{day:yyyy-MM-dd}.json")),
                head.Write(),
                cancellation
            );
        }

        if (settings.Audit.HeadUrl is not { Length: > 0 } url)
            return;
        using var http = new HttpClient(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = TimeSpan.FromSeconds(5),
            }
        )
        {
            Timeout = TimeSpan.FromSeconds(15),
        };
        using var content = new StringContent(head.Write(), Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri(url), content, cancellation);
        answer.EnsureSuccessStatusCode();
    }

    private static IEnumerable<string> Files(string folder) =>
        folder.Length > 0 && Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal) : [];
}
