using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// Reports rows with a sealed value that can't be opened, by table and id, never the value: until somebody enters it again, these people
/// can't be reached at it. Searches only once an unreadable value was read, and withdraws the report when the rows are mended.
/// </summary>
internal sealed partial class DamageWatch(RecordsFactory records, Troubles troubles, TimeProvider clock, ILogger<DamageWatch> log)
    : BackgroundService
{
    private const string Case = "unreadable";

    /// <summary>How many rows a report lists.</summary>
    private const int Listed = 5;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <summary>Known damage is searched again less often, because each search reads whole columns.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(5);

    private int known;
    private DateTimeOffset looked;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await Task.Delay(Every, clock, stoppingToken);
        }
    }

    internal async Task LookAsync(CancellationToken cancellation)
    {
        await using var db = records.CreateDbContext();
        if (db.Keys!.Unreadable is not { Count: > 0 } damaged)
            return;
        if (damaged.Count == known && clock.GetUtcNow() - looked < Again && clock.GetUtcNow() >= looked)
            return;
        (known, looked) = (damaged.Count, clock.GetUtcNow());
        var rows = await RowsAsync(db, damaged, cancellation);
        if (rows.Count == 0)
        {
            troubles.Over(Case);
            return;
        }

        var named = string.Join(", ", rows.Take(Listed)) + (rows.Count > Listed ? ", …" : "");
        troubles.Say(
            Case,
            $"{rows.Count} stored values can't be read (damaged, or sealed with a key that is missing); their owners are passed "
                + $"over until they are entered anew: {named}",
            $"{rows.Count} 项加密资料无法读取（已损坏或缺少密钥），重新录入前不会使用：{named}"
        );
    }

    /// <summary>Table, id and column of each row that still holds one of these values.</summary>
    internal static async Task<List<string>> RowsAsync(RecordsDb db, UnreadableValues damaged, CancellationToken cancellation)
    {
        var rows = new List<string>();
        var find = typeof(DamageWatch).GetMethod(nameof(FindAsync), BindingFlags.NonPublic | BindingFlags.Static)!;
        foreach (var (entity, property) in RecordsDb.Sealed)
            if (damaged.ByColumn[RecordsDb.ColumnName(entity, property)].ToList() is { Count: > 0 } stored)
                rows.AddRange(await (Task<List<string>>)find.MakeGenericMethod(entity).Invoke(null, [db, property, stored, cancellation])!);
        return rows;
    }

    private static async Task<List<string>> FindAsync<T>(RecordsDb db, string property, List<string> stored, CancellationToken cancellation)
        where T : class
    {
        var type = db.Model.FindEntityType(typeof(T))!;
        // The column's converter writes such a text as the stored value, so the comparison is with the column's stored text.
        var wanted = stored.ConvertAll(s => "\uFFFD" + s);
        var found = await db.Set<T>()
            .IgnoreQueryFilters()
            .AsNoTracking()
            .Where(e => wanted.Contains(EF.Property<string>(e, property)))
            .Take(1000)
            .ToListAsync(cancellation);
        return found.ConvertAll(row =>
            $"{type.GetTableName()} "
            + $"{string.Join('/', type.FindPrimaryKey()!.Properties.Select(p => p.PropertyInfo!.GetValue(row)))} {property}"
        );
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Rows that can't be read could not be looked for; it goes on")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
