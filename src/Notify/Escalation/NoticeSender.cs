using System.Collections.Concurrent;
using System.Diagnostics;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>What became of a request to a provider.</summary>
/// <param name="Asked">It was asked what became of an earlier one.</param>
/// <param name="Failures">How often it could not be written down.</param>
internal sealed record Outcome(Guid Notice, ChannelResult Result, bool Asked = false, int Failures = 0);

/// <summary>Makes the requests to providers; each ends within a time limit, with an outcome. Thread-safe.</summary>
internal sealed class NoticeSender(Routes routes)
{
    /// <summary>When a channel gives no answer for so long, the outcome counts as unknown.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Guid, bool> inFlight = [];

    /// <summary>Real time by default: a provider's answer takes as long where the service's clock runs faster (the demo).</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>A request about it has not ended yet.</summary>
    public bool IsInFlight(Guid notice) => inFlight.ContainsKey(notice);

    public async Task<Outcome> SendAsync(IChannel channel, Notice notice, string trace, OutgoingNotice outgoing)
    {
        // A trace of its own, linked to the alarm's, because a message that is sent hours later would keep the first one open so long.
        using var span = Tracing.Source.HasListeners()
            ? Tracing.Source.StartActivity(
                "notice",
                ActivityKind.Client,
                parentContext: default,
                links: Tracing.Parse(trace) is var opened && opened != default ? [new ActivityLink(opened)] : null
            )
            : null;
        span?.SetTag("vigil.alarm", notice.AlarmId)
            .SetTag("vigil.notice", notice.Id)
            .SetTag("vigil.channel", notice.Channel.Word())
            .SetTag("vigil.provider", channel.Provider);
        inFlight[notice.Id] = true;
        try
        {
            return new Outcome(notice.Id, await channel.SendAsync(outgoing, CancellationToken.None).WaitAsync(Longest, Clock));
        }
        catch (TimeoutException)
        {
            return new Outcome(
                notice.Id,
                new ChannelResult(
                    ChannelOutcome.Unknown,
                    new Wording($"no answer within {Longest.TotalSeconds:0} s", $"{Longest.TotalSeconds:0} 秒内没有应答")
                )
            );
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whether the request had gone out is not known: ask before it is sent again.
            return new Outcome(notice.Id, new ChannelResult(ChannelOutcome.Unknown, Failed(e)));
        }
        finally
        {
            inFlight.TryRemove(notice.Id, out _);
        }
    }

    public async Task<Outcome> AskAsync(Notice notice, PastNotice past)
    {
        inFlight[notice.Id] = true;
        try
        {
            var known = routes.Find(notice.Provider) is { } channel
                ? await channel.ReconcileAsync(past, CancellationToken.None).WaitAsync(Longest, Clock)
                : null;
            return new Outcome(
                notice.Id,
                known ?? new ChannelResult(ChannelOutcome.TryAgain, new Wording("the provider has never heard of it", "服务商没有此消息")),
                Asked: true
            );
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // It may have gone out, so it isn't sent again before the provider was asked. Another way is tried meanwhile.
            return new Outcome(
                notice.Id,
                new ChannelResult(
                    ChannelOutcome.Down,
                    new Wording($"the provider could not be asked: {e.Message}", $"无法向服务商查询（{e.GetType().Name}）")
                ),
                Asked: true
            );
        }
        finally
        {
            inFlight.TryRemove(notice.Id, out _);
        }
    }

    private static Wording Failed(Exception e) => new(e.Message, $"发送出错（{e.GetType().Name}）");
}
