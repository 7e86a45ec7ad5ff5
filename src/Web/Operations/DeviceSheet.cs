using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>A device that was registered from a sheet, with the password that is shown this once.</summary>
internal sealed record MadeDevice(DeviceEntry Entry, string Password);

/// <summary>What is answered to a sheet: its devices with their passwords.</summary>
public sealed record DeviceSheetAnswer(IReadOnlyList<string> Headings, IReadOnlyList<IReadOnlyList<object?>> Rows);

/// <summary>
/// Registers the devices of a sheet, each with a password for MQTT: all of them, or, where there is a mistake in any row, none.
/// </summary>
public static class DeviceSheet
{
    /// <summary>Bytes of a file at most.</summary>
    public const int Largest = 4 << 20;

    public const int MostRows = 10_000;

    private const int AtOnce = 500;

    private static readonly (string Column, Wording Heading)[] Columns =
    [
        ("device", new("device", "设备编号")),
        ("profile", new("profile", "型号")),
        ("label", new("label", "名称")),
        ("resident", new("resident", "服务对象编号")),
        ("stock", new("stock area", "库存区划")),
        ("report", new("report minutes", "上报间隔分钟")),
    ];

    public static IReadOnlyList<Wording> Headings { get; } = [.. Columns.Select(c => c.Heading)];

    /// <summary>How a column is headed, for people.</summary>
    public static Wording Heading(string column) => Columns.FirstOrDefault(c => c.Column == column).Heading ?? Wording.None;

    /// <summary>Of the answer.</summary>
    public static IReadOnlyList<string> AnswerHeadings(string language) =>
        [
            .. new Wording[]
            {
                new("device", "设备编号"),
                new("MQTT user name", "MQTT 用户名"),
                new("MQTT password", "MQTT 密码"),
                new("profile", "型号"),
                new("label", "名称"),
                new("resident", "服务对象编号"),
                new("page", "设备页面"),
            }.Select(h => h.In(language)),
        ];

    /// <summary>The same on the command line, where the whole service is at hand.</summary>
    /// <param name="records">Of all areas.</param>
    /// <param name="knows">Which profiles there are.</param>
    /// <param name="desk">Where a device may have an open alarm.</param>
    /// <param name="now">UTC.</param>
    /// <param name="publicUrl">Of the devices' pages.</param>
    /// <param name="language">Of the answer's headings.</param>
    /// <param name="file">The sheet; an XLSX has to be seekable.</param>
    /// <param name="name">Its name.</param>
    /// <param name="keep">Takes the sheet of passwords, which are nowhere else, before anything is registered.</param>
    /// <param name="cancellation">Ends it with nothing written.</param>
    /// <returns>How many were registered, or what is wrong with the file.</returns>
    public static async Task<(int Made, IReadOnlyList<Problem> Problems)> RegisterAsync(
        IDbContextFactory<RecordsDb> records,
        KnowsProfile knows,
        AlarmDesk desk,
        DateTime now,
        string publicUrl,
        string language,
        Stream file,
        string name,
        Action<DeviceSheetAnswer> keep,
        CancellationToken cancellation
    )
    {
        var by = new DeviceOperations(records, knows, desk, "cli", "", now, "");
        var (made, problems) = await RegisterAsync(by, file, name, cancellation, m => keep(Answer(m, publicUrl, language)));
        return (made.Count, problems);
    }

    internal static DeviceSheetAnswer Answer(IReadOnlyList<MadeDevice> made, string publicUrl, string language) =>
        new(
            AnswerHeadings(language),
            [
                .. made.Select(m =>
                    (IReadOnlyList<object?>)
                        [
                            m.Entry.Id,
                            m.Entry.Id,
                            m.Password,
                            m.Entry.Profile,
                            m.Entry.Label,
                            m.Entry.Resident,
                            $"{publicUrl}/devices/{Uri.EscapeDataString(m.Entry.Id)}",
                        ]
                ),
            ]
        );

    /// <param name="by">Who registers them, in the records of all areas: passwords belong to none.</param>
    /// <param name="file">The sheet; an XLSX has to be seekable.</param>
    /// <param name="name">Its name, whose ending tells CSV from XLSX.</param>
    /// <param name="cancellation">Ends it with nothing written.</param>
    /// <param name="keep">Takes the passwords before anything is registered.</param>
    internal static async Task<(IReadOnlyList<MadeDevice> Made, IReadOnlyList<Problem> Problems)> RegisterAsync(
        DeviceOperations by,
        Stream file,
        string name,
        CancellationToken cancellation,
        Action<IReadOnlyList<MadeDevice>>? keep = null
    )
    {
        var problems = new List<Problem>();
        var rows = Read(file, name, by.Profiles, problems);
        if (rows.Count == 0 && problems.Count == 0)
            problems.Add(new Problem(name, 0, "", "", new Wording("has no row", "没有数据行")));
        var made = await WriteAsync(by, rows, name, problems, keep, cancellation);
        if (problems.Count > 0)
            return ([], [.. problems.OrderBy(p => p.Line)]);
        await TieAsync(by, rows, cancellation);
        return (made, []);
    }

    private static async Task<IReadOnlyList<MadeDevice>> WriteAsync(
        DeviceOperations by,
        List<(int Line, DeviceEntry Entry)> rows,
        string name,
        List<Problem> problems,
        Action<IReadOnlyList<MadeDevice>>? keep,
        CancellationToken cancellation
    )
    {
        await using var db = await by.Records.CreateDbContextAsync(cancellation);
        await using var turn = await WriteTurn.BeginAsync(db, first: false, cancellation);
        foreach (var some in rows.Chunk(AtOnce))
            await FindProblemsAsync(db, some, name, problems, cancellation);
        if (problems.Count > 0)
            return [];
        var made = rows.ConvertAll(r => (r.Entry, New: Secrets.NewDevice(r.Entry.Id, by.Now)));
        await db.InsertAsync([.. rows.Select(r => r.Entry.ToDevice(by.Now, ""))], cancellation);
        await db.InsertAsync([.. made.Select(m => m.New.Credential)], cancellation);
        foreach (var some in rows.Chunk(AtOnce))
        {
            var ids = some.Select(r => r.Entry.Id).ToArray();
            await db.Unbound.Where(u => EF.Parameter(ids).Contains(u.Id)).ExecuteDeleteAsync(cancellation);
        }

        foreach (var (_, entry) in rows)
            db.AddAudit(by.Now, by.Who, "register", $"device:{entry.Id}", $"from {name}, with a password; {Where(entry)}");
        await db.SaveChangesAsync(cancellation);
        IReadOnlyList<MadeDevice> shown = [.. made.Select(m => new MadeDevice(m.Entry, m.New.Password))];
        keep?.Invoke(shown);
        await turn.CommitAsync(cancellation);
        return shown;
    }

    private static string Where(DeviceEntry entry) => entry.Resident.Length > 0 ? $"to resident:{entry.Resident}" : "into stock";

    private static List<(int Line, DeviceEntry Entry)> Read(Stream file, string name, KnowsProfile profiles, List<Problem> problems)
    {
        var rows = new List<(int, DeviceEntry)>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        Dictionary<string, int>? places = null;
        try
        {
            foreach (var row in Sheet.Read(file, name))
            {
                var (line, fields) = (row.Line, row.Fields);
                if (fields.TrueForAll(string.IsNullOrWhiteSpace))
                    continue;
                if (places is null)
                {
                    places = PlacesOf(fields);
                    foreach (var needed in Columns.Take(2).Where(c => !places.ContainsKey(c.Column)))
                        Wrong(line, "", "", new Wording($"column is missing: {needed.Heading.En}", $"缺少列：{needed.Heading.Zh}"));
                    if (problems.Count > 0)
                        return [];
                    continue;
                }

                if (row.CutOff(places.Count) is { } broken)
                    Wrong(line, "", "", broken);
                if (rows.Count >= MostRows)
                {
                    Wrong(line, "", "", new Wording($"more than {MostRows} rows", $"超过 {MostRows} 行"));
                    break;
                }

                string Field(string column) => places.TryGetValue(column, out var at) && at < fields.Count ? fields[at].Trim() : "";
                var minutes = Field("report");
                var isNumber = int.TryParse(minutes, System.Globalization.CultureInfo.InvariantCulture, out var every);
                if (minutes.Length > 0 && !isNumber)
                    Wrong(line, "report", minutes, new Wording("is not a whole number", "不是整数"));
                var entry = new DeviceEntry(
                    Field("device"),
                    Field("profile"),
                    Field("label"),
                    Field("resident"),
                    Field("stock"),
                    isNumber ? every : null
                );
                foreach (var (column, value, why) in entry.Problems(profiles, ""))
                    Wrong(line, column, value, why);
                if (entry.Id.Length > 0 && !seen.TryAdd(entry.Id, line))
                    Wrong(line, "device", entry.Id, new Wording($"stands in line {seen[entry.Id]} too", $"与第 {seen[entry.Id]} 行重复"));
                rows.Add((line, entry));
            }
        }
        catch (InvalidDataException e)
        {
            Wrong(0, "", "", new Wording($"can't be read: {e.Message}", "文件无法读取，可能已损坏"));
        }

        return rows;

        void Wrong(int line, string column, string value, Wording why) => problems.Add(new Problem(name, line, column, value, why));
    }

    private static Dictionary<string, int> PlacesOf(List<string> headings)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < headings.Count; i++)
            foreach (var (column, heading) in Columns)
                if (string.Equals(headings[i].Trim(), heading.En, StringComparison.OrdinalIgnoreCase) || headings[i].Trim() == heading.Zh)
                    places.TryAdd(column, i);
        return places;
    }

    private static async Task FindProblemsAsync(
        RecordsDb db,
        (int Line, DeviceEntry Entry)[] rows,
        string name,
        List<Problem> problems,
        CancellationToken cancellation
    )
    {
        var ids = rows.Select(r => r.Entry.Id).ToArray();
        var homes = rows.Select(r => r.Entry.Resident).Where(r => r.Length > 0).Distinct().ToArray();
        var devices = await db.Devices.Where(d => EF.Parameter(ids).Contains(d.Id)).Select(d => d.Id).ToHashSetAsync(cancellation);
        var users = await db
            .Credentials.Where(c => EF.Parameter(ids).Contains(c.Username))
            .Select(c => c.Username)
            .ToHashSetAsync(cancellation);
        var residents = await db.Residents.Where(r => EF.Parameter(homes).Contains(r.Id)).Select(r => r.Id).ToHashSetAsync(cancellation);
        foreach (var (line, entry) in rows)
        {
            if (devices.Contains(entry.Id))
                Wrong(line, "device", entry.Id, DeviceRefusal.Known(entry.Id).Why);
            else if (users.Contains(entry.Id))
                Wrong(
                    line,
                    "device",
                    entry.Id,
                    new Wording(
                        $"'{entry.Id}' has a password already, which would stop working",
                        $"“{entry.Id}”已有密码，重发会使原密码失效"
                    )
                );
            if (entry.Resident.Length > 0 && !residents.Contains(entry.Resident))
                Wrong(line, "resident", entry.Resident, DeviceRefusal.NoResident(entry.Resident).Why);
        }

        void Wrong(int line, string column, string value, Wording why) => problems.Add(new Problem(name, line, column, value, why));
    }

    /// <summary>Of devices that had called before anybody registered them: their alarms are those homes' now.</summary>
    private static async Task TieAsync(DeviceOperations by, List<(int Line, DeviceEntry Entry)> rows, CancellationToken cancellation)
    {
        await using var db = await by.Records.CreateDbContextAsync(cancellation);
        var open = await db
            .Alarms.Where(a => a.State != AlarmState.Resolved && a.ResidentId == null && a.DeviceId != null)
            .Select(a => a.DeviceId!)
            .ToHashSetAsync(cancellation);
        foreach (var (_, entry) in rows.Where(r => r.Entry.Resident.Length > 0 && open.Contains(r.Entry.Id)))
            await by.Desk.TieAsync(entry.Id, entry.Resident, by.Who, cancellation);
    }
}
