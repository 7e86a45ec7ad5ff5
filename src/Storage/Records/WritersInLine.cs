using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Vigil.Storage.Records;

/// <summary>
/// Lets a statement that changes rows without a <see cref="WriteTurn"/> (<c>ExecuteUpdateAsync</c>, <c>ExecuteDeleteAsync</c>) stand in the
/// same line: else, while a storm of alarms is written, SQLite lets it try now and then, and after ten seconds it fails.
/// <see cref="RecordsDb.SaveChangesAsync(bool, CancellationToken)"/> does the same for itself.
/// </summary>
internal sealed class WritersInLine : DbCommandInterceptor
{
    public static WritersInLine Shared { get; } = new();

    public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command,
        CommandEventData eventData,
        InterceptionResult<int> result,
        CancellationToken cancellationToken = default
    )
    {
        if (
            eventData.CommandSource is CommandSource.ExecuteUpdate or CommandSource.ExecuteDelete
            && command.Transaction is null
            && eventData.Context is RecordsDb { WriteLine: { } line } db
        )
        {
            await line.EnterAsync(goesFirst: false, cancellationToken);
            db.StandsInLine = true;
        }

        return result;
    }

    public override ValueTask<int> NonQueryExecutedAsync(
        DbCommand command,
        CommandExecutedEventData eventData,
        int result,
        CancellationToken cancellationToken = default
    )
    {
        Leave(eventData);
        return ValueTask.FromResult(result);
    }

    public override Task CommandFailedAsync(
        DbCommand command,
        CommandErrorEventData eventData,
        CancellationToken cancellationToken = default
    )
    {
        Leave(eventData);
        return Task.CompletedTask;
    }

    public override Task CommandCanceledAsync(
        DbCommand command,
        CommandEndEventData eventData,
        CancellationToken cancellationToken = default
    )
    {
        Leave(eventData);
        return Task.CompletedTask;
    }

    private static void Leave(CommandEndEventData eventData)
    {
        if (eventData.Context is not RecordsDb { StandsInLine: true } db)
            return;
        db.StandsInLine = false;
        db.WriteLine!.Leave();
    }
}
