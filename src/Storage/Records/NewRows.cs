using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Vigil.Storage.Records;

/// <summary>
/// Writes many new rows at once, past the change tracker, which costs more than the database: one prepared statement on SQLite, COPY on
/// PostgreSQL. Columns, sealing and conversions are those of the model.
/// </summary>
public static class NewRows
{
    /// <param name="db">With an open transaction.</param>
    /// <param name="rows">None of them may be there already.</param>
    /// <param name="cancellation">Ends it; the transaction has to be given up then.</param>
    public static async Task InsertAsync<T>(this RecordsDb db, IReadOnlyCollection<T> rows, CancellationToken cancellation)
        where T : class
    {
        if (rows.Count == 0)
            return;
        var type = db.Model.FindEntityType(typeof(T))!;
        var table = $"\"{type.GetTableName()}\"";
        var columns = type.GetProperties().Select(p => new Column(p)).ToList();
        var names = string.Join(", ", columns.Select(c => $"\"{c.Name}\""));
        var transaction = db.Database.CurrentTransaction!.GetDbTransaction();
        if (transaction.Connection is NpgsqlConnection postgres)
        {
            await using var writer = await postgres.BeginBinaryImportAsync(
                $"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)",
                cancellation
            );
            foreach (var row in rows)
            {
                await writer.StartRowAsync(cancellation);
                foreach (var column in columns)
                    if (column.Value(row) is { } value)
                        await writer.WriteAsync(value, column.StoreType, cancellation);
                    else
                        await writer.WriteNullAsync(cancellation);
            }

            await writer.CompleteAsync(cancellation);
            return;
        }

        await using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = $"INSERT INTO {table} ({names}) VALUES ({string.Join(", ", columns.Select((_, i) => $"@p{i}"))})";
        var parameters = columns.Select((c, i) => c.Parameter(command, $"@p{i}")).ToList();
        await command.PrepareAsync(cancellation);
        foreach (var row in rows)
        {
            for (var i = 0; i < columns.Count; i++)
                parameters[i].Value = columns[i].Value(row) ?? DBNull.Value;
            await command.ExecuteNonQueryAsync(cancellation);
        }
    }

    private sealed class Column(IProperty property)
    {
        private readonly RelationalTypeMapping mapping = property.GetRelationalTypeMapping();

        public string Name { get; } = property.GetColumnName();

        public string StoreType { get; } = property.GetRelationalTypeMapping().StoreType;

        /// <summary>As the database stores it.</summary>
        public object? Value(object row) =>
            property.GetGetter().GetClrValue(row) is not { } value ? null
            : mapping.Converter is { } converter ? converter.ConvertToProvider(value)
            : value;

        public DbParameter Parameter(DbCommand command, string name)
        {
            var parameter = mapping.CreateParameter(command, name, null, property.IsNullable);
            command.Parameters.Add(parameter);
            return parameter;
        }
    }
}
