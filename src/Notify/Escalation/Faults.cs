using Microsoft.EntityFrameworkCore;
using Vigil.Storage;

namespace Vigil.Notify.Escalation;

internal static class Faults
{
    /// <summary>
    /// A row may be the cause, and the others can be tried without it. A database that is away is nobody's row: the loop tries again.
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
