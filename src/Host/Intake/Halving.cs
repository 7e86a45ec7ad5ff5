using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Commits many rows at once; when a store refuses them for what one of them says, the one is found by halving and the others are
/// committed.
/// </summary>
internal static class Halving
{
    /// <param name="rows">Rows that may be committed again without harm.</param>
    /// <param name="commit">All of the given ones or none.</param>
    /// <param name="works">Proves that the store works: what fails alone on a store that works is the row's own fault.</param>
    /// <param name="aside">Keeps a refused row with the store's reason.</param>
    /// <returns>Null when each row is committed or kept aside; else why the store doesn't work.</returns>
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

        // Once more, alone, on a store that works: what failed may have been passing.
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

    /// <summary>Runs a commit; what is thrown is why it failed.</summary>
    public static async Task<Exception?> TriedAsync(Func<Task<Exception?>> commit)
    {
        try
        {
            return await commit();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return e; // what a store refused could not be kept aside either
        }
    }

    /// <summary>The store's own words, without those of the library around it.</summary>
    public static string Cause(Exception e) => StorableText.Of((e.InnerException ?? e).Message, StorableText.LongReason);
}
