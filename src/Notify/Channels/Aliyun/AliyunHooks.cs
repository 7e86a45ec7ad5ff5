using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Notify.Reach;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Aliyun;

/// <summary>
/// What Alibaba Cloud tells us, each a JSON array: SmsReport (help.aliyun.com/zh/sms/developer-reference/smsreport-2), VoiceReport at the
/// end of a call and VoiceCallReport during it (…/zh/vms/voicereport-7, voicecallreport-4), with the keys pressed. Each may come twice,
/// late or in the wrong order.
/// </summary>
public sealed partial class AliyunHooks(
    AliyunOptions options,
    ProviderReceipts receipts,
    Answers answers,
    ReachAnswers reach,
    IDbContextFactory<RecordsDb> records,
    TimeProvider clock,
    Meter meter,
    ILogger<AliyunHooks> log
)
{
    private readonly Counter<long> refused = meter.CreateCounter<long>(
        "vigil_hooks_refused_aliyun",
        description: "Callbacks to an address without our secret, or that can't be read"
    );

    /// <summary>Whether a callback came to our secret address, which is its only proof; compared in constant time.</summary>
    public bool IsOurs(string secret)
    {
        if (
            CryptographicOperations.FixedTimeEquals(
                SHA256.HashData(Encoding.UTF8.GetBytes(secret)),
                SHA256.HashData(Encoding.UTF8.GetBytes(options.HookSecret))
            )
        )
            return true;
        refused.Add(1);
        LogForged(log);
        return false;
    }

    /// <returns>False when the body is no array of reports.</returns>
    public async Task<bool> ReportsAsync(string what, Stream body, CancellationToken cancellation)
    {
        JsonDocument json;
        try
        {
            json = await JsonDocument.ParseAsync(body, new JsonDocumentOptions { MaxDepth = 8 }, cancellation);
        }
        catch (JsonException)
        {
            refused.Add(1);
            return false;
        }

        using (json)
        {
            if (json.RootElement.ValueKind != JsonValueKind.Array)
                return false;
            foreach (var report in json.RootElement.EnumerateArray().Where(r => r.ValueKind == JsonValueKind.Object))
                await (what == "sms" ? MessageAsync(report, cancellation) : CallAsync(report, cancellation));
        }

        return true;
    }

    private async Task MessageAsync(JsonElement report, CancellationToken cancellation)
    {
        var notice = Guid.TryParseExact(Text(report, "out_id"), "N", out var id) ? id : (Guid?)null;
        var delivered =
            Text(report, "success") == "true" || (report.TryGetProperty("success", out var flag) && flag.ValueKind == JsonValueKind.True);
        var reason = delivered
            ? new Wording("on the phone", "已到达手机")
            : new Wording($"not delivered ({Text(report, "err_code")})", $"未送达（{Text(report, "err_code")}）");
        if (
            !await receipts.TakeAsync("aliyun", Text(report, "biz_id"), notice, delivered, reason, cancellation)
            && !await reach.ReceiptAsync("aliyun", Text(report, "biz_id"), notice, delivered, reason, blocked: false, cancellation)
        )
            LogUnknown(log, "message");
    }

    private async Task CallAsync(JsonElement report, CancellationToken cancellation)
    {
        var (callId, status) = (Text(report, "call_id"), Text(report, "status_code"));
        // The last key that means something: somebody may have pressed 3 to hear it again, and a wrong one, before.
        var key = Text(report, "dtmf").LastOrDefault(c => c is '1' or '2');
        var outId = Text(report, "out_id");
        var test = await reach.FindCallAsync("aliyun", callId, cancellation, id => outId.Length > 0 && AliyunChannel.OutId(id) == outId);
        if (test is not null && key == '1')
        {
            await reach.AnsweredAsync(test.Id, Channel.Voice, cancellation);
            return;
        }

        var row = test is null ? await FindAsync(callId, outId, cancellation) : null;
        if (test is null && row is null)
        {
            LogUnknown(log, "call");
            return;
        }

        var became =
            key != default
                ? new ChannelResult(ChannelOutcome.Delivered, new Wording($"key {key} pressed", $"已按键 {key}"), callId)
                : AliyunErrors.Call(status.StartsWith("2000", StringComparison.Ordinal) ? status : "", callId);
        bool? delivered = became.Outcome switch
        {
            ChannelOutcome.Delivered => true,
            ChannelOutcome.GiveUp => false,
            _ => null,
        };
        if (row is null)
        {
            await reach.ReceiptAsync("aliyun", callId, test!.Id, delivered, became.Reason, became.Blocked, cancellation);
            return;
        }

        await receipts.TakeAsync("aliyun", callId, row.Id, delivered, became.Reason, cancellation, became.Blocked);
        if (key == '2')
            await answers.DeclineAsync(row.Id, "key", cancellation);
        if (key != '1')
            return;
        try
        {
            await answers.TakeAsync(row.Id, "key", cancellation);
        }
        catch (AlarmConflictException e) when (e.Anew)
        {
            await answers.TellAnewAsync(row.Id, cancellation); // the call is over: nobody can be asked in it
        }
        catch (AlarmConflictException)
        {
            // somebody has it already, perhaps this same key told twice
        }
    }

    private async Task<Notice?> FindAsync(string callId, string outId, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var known = await db
            .Notices.AsNoTracking()
            .FirstOrDefaultAsync(n => n.ProviderId == callId && n.Provider == "aliyun", cancellation);
        if (known is not null || outId.Length == 0)
            return known;
        var since = clock.GetUtcNow().UtcDateTime.AddHours(-3); // the answer to the request was lost
        var recent = await db
            .Notices.AsNoTracking()
            .Where(n => n.CreatedAt >= since && n.Channel == Channel.Voice && n.Provider == "aliyun")
            .ToListAsync(cancellation);
        return recent.Find(n => AliyunChannel.OutId(n.Id) == outId);
    }

    private static string Text(JsonElement item, string name)
    {
        if (!item.TryGetProperty(name, out var value) || value.ValueKind != JsonValueKind.String)
            return "";
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return ""; // no valid UTF-8, or half of a surrogate pair: no text that we ever sent
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "A callback came to an address of Aliyun's hooks without our secret and was refused"
    )]
    private static partial void LogForged(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Aliyun reports on a {What} that no notice has")]
    private static partial void LogUnknown(ILogger logger, string what);
}
