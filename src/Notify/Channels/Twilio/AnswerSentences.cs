using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>What somebody who answers by a key or a reply is told: the name of the sentence in <c>config/messages.yaml</c>.</summary>
internal sealed class AnswerSentences(IDbContextFactory<RecordsDb> records, Answers answers)
{
    /// <summary>What is said to it; null when it has happened again since what they answer, so that it doesn't count.</summary>
    public async Task<string?> TakeAsync(Notice row, string via, CancellationToken cancellation, int? seen = null)
    {
        try
        {
            await answers.TakeAsync(row.Id, via, cancellation, seen);
            return "taken";
        }
        catch (AlarmConflictException e) when (e.Anew)
        {
            return null;
        }
        catch (AlarmConflictException)
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            var by = await db.Alarms.Where(a => a.Id == row.AlarmId).Select(a => a.AcknowledgedBy).FirstOrDefaultAsync(cancellation);
            return by == row.Recipient ? "taken" : "over"; // the same key, told twice
        }
    }

    public async Task<string> DeclineAsync(Notice row, string via, CancellationToken cancellation)
    {
        await answers.DeclineAsync(row.Id, via, cancellation);
        return "declined";
    }
}
