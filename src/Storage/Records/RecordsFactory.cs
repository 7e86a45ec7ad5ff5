using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>Opens the records: all of them, or those of one area.</summary>
public sealed class RecordsFactory(Func<string, RecordsDb> create, RecordsFactory? forAlarms = null) : IDbContextFactory<RecordsDb>
{
    /// <summary>
    /// The same records over connections that only alarms use. On SQLite, which has no such limit of connections, the same factory.
    /// </summary>
    public RecordsFactory ForAlarms => forAlarms ?? this;

    /// <summary>The SQLite file; null on PostgreSQL, and for a database in memory.</summary>
    public string? SqliteFile { get; init; }

    /// <summary>The keys of the sealed columns.</summary>
    public FieldKeys? Keys { get; init; }

    public RecordsDb CreateDbContext() => create("");

    /// <summary>The interface's default method, callable on the class too.</summary>
    public Task<RecordsDb> CreateDbContextAsync(CancellationToken cancellationToken = default) => Task.FromResult(create(""));

    /// <summary>Rows with a sealed value that could not be opened since the start: table, id and column, never the value.</summary>
    public async Task<IReadOnlyList<string>> UnreadableAsync(CancellationToken cancellation)
    {
        await using var db = create("");
        return await DamageWatch.RowsAsync(db, db.Keys!.Unreadable, cancellation);
    }

    /// <summary>Opens the records for a person, who sees one area only and not the service's own self-test.</summary>
    /// <param name="within">Prefix of the area codes that are seen.</param>
    public RecordsDb CreateDbContext(string within)
    {
        var db = create(within);
        db.ForPeople = true;
        return db;
    }
}
