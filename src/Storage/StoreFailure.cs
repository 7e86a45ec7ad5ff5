using System.Data.Common;
using System.Net.Sockets;
using System.Security.Cryptography;
using DuckDB.NET.Data;
using DuckDB.NET.Native;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Vigil.Storage;

/// <summary>
/// Classifies failed writes. Either the rows are at fault: the same rows fail for ever, others don't, so they are set aside. Or the store
/// is: everything fails until it works again, so it is retried. Rows must never be set aside because of the store: before a caller does so
/// it proves, with another write, that the store works.
/// </summary>
public static class StoreFailure
{
    /// <summary>The store refused the rows for their content.</summary>
    public static bool IsOfRows(Exception failure)
    {
        for (var e = failure; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case PostgresException p:
                    // data exception, integrity constraint, program limit (an index entry too long)
                    return p.SqlState.AsSpan(0, 2) is "22" or "23" or "54";
                case SqliteException s:
                    return s.SqliteErrorCode is 18 or 19 or 20 or 25; // too big, constraint, mismatch, range
                case DuckDBException d:
                    return d.ErrorType
                        is DuckDBErrorType.OutOfRange
                            or DuckDBErrorType.Conversion
                            or DuckDBErrorType.MismatchType
                            or DuckDBErrorType.Decimal
                            or DuckDBErrorType.ObjectSize
                            or DuckDBErrorType.Constraint
                            or DuckDBErrorType.InvalidInput;
                case DbUpdateConcurrencyException
                or IOException
                or TimeoutException
                or SocketException
                or OperationCanceledException
                or ObjectDisposedException
                or UnauthorizedAccessException:
                    return false;
                case ArgumentException
                or FormatException
                or OverflowException
                or InvalidCastException
                or NullReferenceException
                or KeyNotFoundException
                or IndexOutOfRangeException
                or CryptographicException:
                    return true;
                // EF Core wraps transient failures in one: then the inner exception decides
                case InvalidOperationException when e.InnerException is null:
                    return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Transient: a concurrent commit was faster, or the connection was lost. Worth repeating at once, with the data read again.
    /// </summary>
    public static bool IsPassing(Exception failure)
    {
        for (var e = failure; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case DbUpdateConcurrencyException:
                    return true;
                case PostgresException p:
                    return p.SqlState
                        is PostgresErrorCodes.UniqueViolation
                            or PostgresErrorCodes.SerializationFailure
                            or PostgresErrorCodes.DeadlockDetected
                            or PostgresErrorCodes.AdminShutdown;
                case SqliteException s:
                    return s.SqliteExtendedErrorCode is 2067 or 1555 or 517; // unique, primary key, stale snapshot (BUSY_SNAPSHOT)
                case TimeoutException or OperationCanceledException:
                    return false; // it has used up its time already
                case IOException or SocketException:
                    return true; // a pooled connection that has been lost
            }
        }

        return false;
    }

    /// <summary>A read or a write of a store failed, for whatever reason.</summary>
    public static bool IsOfStore(Exception failure) =>
        failure is DbException or DbUpdateException or Readings.ReadingStoreException || failure.InnerException is DbException;

    /// <summary>The first line of an error message: databases add hints, positions and stack traces below it.</summary>
    public static string FirstLine(Exception failure) => failure.Message.Split('\n', 2)[0].Trim();
}
