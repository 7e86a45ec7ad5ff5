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
/// What a failed write means: the rows are at fault (the same ones fail for ever, others don't), or the store is (everything fails until it
/// works again). To take the second for the first would set aside what nothing is wrong with; so whoever finds rows at fault proves first
/// that the store works.
/// </summary>
public static class StoreFailure
{
    /// <summary>A row is refused for what it says. Decided by the innermost exception that says so.</summary>
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
                // EF wraps a passing failure in one: then the inner one decides
                case InvalidOperationException when e.InnerException is null:
                    return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Somebody else's commit came between, or the connection was lost: the same is tried again at once on what stands there now.
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
                    return s.SqliteExtendedErrorCode is 2067 or 1555 or 517; // unique, primary key, a snapshot that is no longer the newest
                case TimeoutException or OperationCanceledException:
                    return false; // it has waited long enough
                case IOException or SocketException:
                    return true; // a connection that was lost while it stood in the pool
            }
        }

        return false;
    }

    /// <summary>A read or a write of the records failed, whoever is to blame.</summary>
    public static bool IsOfStore(Exception failure) =>
        failure is DbException or DbUpdateException or Readings.ReadingStoreException || failure.InnerException is DbException;
}
