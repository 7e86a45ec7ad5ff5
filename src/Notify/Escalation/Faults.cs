using Microsoft.EntityFrameworkCore;
using Vigil.Storage;

namespace Vigil.Notify.Escalation;

/// <summary>Tells errors of single rows from those of the database.</summary>
internal static class Faults
{
    /// <summary>
    /// Whether one row may be the cause of an error, so that the others can be tried without it. False when the database can't be reached:
    /// then the loop tries everything again.
    /// </summary>
    public static bool MayBeOneRow(Exception e, CancellationToken stopping) =>
        e is not OutOfMemoryException
        && !stopping.IsCancellationRequested
        && (
            StoreFailure.IsOfRows(e)
            || e is DbUpdateConcurrencyException
            || !(StoreFailure.IsOfStore(e) || e is IOException or TimeoutException or OperationCanceledException)
        );
}
