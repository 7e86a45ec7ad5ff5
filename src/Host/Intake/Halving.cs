using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Commits many rows at once. When the store refuses them because of the content of some, they are halved until the bad rows are found, and
/// all others are committed.
/// </summary>
internal static class Halving
{
    /// <param name="rows">Rows; committing one twice must be harmless.</param>
    /// <param name="commit">Commits all of the given rows, or none.</param>
    /// <param name="works">Whether the store works. Only on a working store can the failure of a single row be its own fault.</param>
    /// <param name="aside">Keeps a refused row with the store's reason.</param>
    /// <returns>Null when each row is committed or set aside; else why the store doesn't work.</returns>
    public static async Task<Exception?> CommitAsync<T>(
        IReadOnlyList<T> rows,
        Func<IReadOnlyList<T>, Task> commit,
        Func<Task<bool>> works,
        Action<T, Exception> aside
    )
    {
        try
        {
            await commit(rows);
            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (!StoreFailure.IsOfRows(e))
                return e;
            if (rows.Count > 1)
            {
                var half = rows.Count / 2;
                return await CommitAsync([.. rows.Take(half)], commit, works, aside)
                    ?? await CommitAsync([.. rows.Skip(half)], commit, works, aside);
            }

            if (!await works())
                return e;
        }

        // Once more, alone, on a working store: the failure may have been transient.
        try
        {
            await commit(rows);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (!StoreFailure.IsOfRows(e))
                return e;
            aside(rows[0], e);
        }

        return null;
    }

    /// <summary>Runs a commit, and returns what it throws as the reason of its failure.</summary>
    public static async Task<Exception?> TriedAsync(Func<Task<Exception?>> commit)
    {
        try
        {
            return await commit();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return e; // such as a refused row that could not be set aside
        }
    }

    /// <summary>The store's own message, without that of the library around it.</summary>
    public static string Cause(Exception e) => StorableText.Of((e.InnerException ?? e).Message, StorableText.LongReason);
}
