using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>Checks whether the keys belong to the records, by a few stored values of each sealed column.</summary>
internal static class SealedValues
{
    private const int Sample = 5;

    /// <summary>Id of a key that values are sealed with; null when none are. Disposes the context.</summary>
    public static string? Key(RecordsDb db)
    {
        using (db)
        {
            if (db.Database.IsSqlite() && FileOf(db) is { } file && (!File.Exists(file) || new FileInfo(file).Length == 0))
                return null;
            try
            {
                return Read(db).Select(v => FieldKeys.KeyOf(v.Stored)).OfType<string>().FirstOrDefault();
            }
            catch (SqliteException e) when (RecordsFile.IsDamage(e))
            {
                throw RecordsFile.Damaged(FileOf(db)!, e.Message, e);
            }
            catch (Npgsql.PostgresException e) when (e.SqlState == Npgsql.PostgresErrorCodes.InvalidCatalogName)
            {
                return null; // the first start creates the database
            }
            catch (DbException e) when (!db.Database.IsSqlite())
            {
                throw new UnusableDataException(
                    $"there is no key file, and PostgreSQL can't be asked whether the records need one: {e.Message}",
                    e
                );
            }
        }
    }

    /// <exception cref="UnusableDataException">None of the values can be opened with these keys.</exception>
    public static void EnsureOpens(RecordsDb db)
    {
        if (db.Keys is not { } keys)
            return;
        string? closed = null;
        foreach (var (column, stored) in Read(db))
        {
            try
            {
                keys.Unseal(column, stored);
                return; // the keys belong to the records, even if other values are damaged
            }
            catch (Exception e)
                when (e is System.Security.Cryptography.CryptographicException or FormatException or OverflowException or ArgumentException)
            {
                closed ??= FieldKeys.KeyOf(stored);
            }
        }

        if (closed is null)
            return;
        throw new UnusableDataException(
            keys.Has(closed)
                ? $"the key '{closed}' of {keys.Source} is not the one the numbers in the records were sealed with. Put the right "
                    + $"key file back; nothing was changed."
                : $"the numbers in the records are sealed with key '{closed}', and {keys.Source} has {string.Join(", ", keys.Ids)} "
                    + $"only. Put the right key file back; nothing was changed."
        );
    }

    /// <summary>A few sealed values of each column, whatever version the schema has.</summary>
    private static IEnumerable<(string Column, string Stored)> Read(RecordsDb db)
    {
        db.Database.OpenConnection();
        var connection = db.Database.GetDbConnection();
        foreach (var (entity, property) in RecordsDb.Sealed)
        {
            var found = new List<string>();
            try
            {
                using var command = connection.CreateCommand();
                command.CommandText =
                    $"SELECT \"{property}\" FROM \"{db.Model.FindEntityType(entity)!.GetTableName()}\" WHERE \"{property}\" LIKE "
                    + $"'{FieldKeys.AnyMark}%' LIMIT {Sample}";
                using var rows = command.ExecuteReader();
                while (rows.Read())
                    found.Add(rows.GetString(0));
            }
            catch (DbException e) when (e is not SqliteException { SqliteErrorCode: 11 or 26 })
            {
                // an older schema without the table or the column: nothing is sealed there
            }

            foreach (var stored in found)
                yield return ($"{entity.Name.Split('`')[0]}.{property}", stored);
        }
    }

    internal static string? FileOf(RecordsDb db) => FileOf(db.Database.GetConnectionString()!);

    internal static string? FileOf(string connectionString) =>
        new SqliteConnectionStringBuilder(connectionString) is { Mode: not SqliteOpenMode.Memory, DataSource: { Length: > 0 } source }
        && source != ":memory:"
            ? Path.GetFullPath(source)
            : null;
}
