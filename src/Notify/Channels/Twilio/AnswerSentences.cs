using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// Takes an answer by a key or a reply, and chooses the sentence that is said to it: by its name under <c>spoken</c> in
/// <c>config/messages.yaml</c>.
/// </summary>
internal sealed class AnswerSentences(IDbContextFactory<RecordsDb> records, Answers answers)
{
    /// <summary>The sentence; null when it has happened again since, so that the answer doesn't count.</summary>
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
            return by == row.Recipient ? "taken" : "over"; // their own answer, reported twice
        }
    }

    public async Task<string> DeclineAsync(Notice row, string via, CancellationToken cancellation)
    {
        await answers.DeclineAsync(row.Id, via, cancellation);
        return "declined";
    }
}
