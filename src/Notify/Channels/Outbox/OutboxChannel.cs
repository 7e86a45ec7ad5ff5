using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Outbox;

/// <summary>The embedded default: messages are shown (terminal, board, <c>GET /api/v1/notices</c>) instead of sent. Never fails.</summary>
public sealed class OutboxChannel : IChannel
{
    /// <summary>Each message as it would have been sent.</summary>
    public event Action<OutgoingNotice>? Shown;

    public static ProviderKind Kind { get; } =
        new(
            "outbox",
            "Outbox",
            [],
            _ => [],
            (services, _) => services.AddSingleton<OutboxChannel>().AddSingleton<IChannel>(s => s.GetRequiredService<OutboxChannel>())
        );

    public string Provider => "outbox";

    public bool Carries(Channel channel) => true;

    public Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        Shown?.Invoke(notice);
        return Task.FromResult(
            new ChannelResult(ChannelOutcome.Sent, new Wording("shown in the outbox", "已显示在发件箱"), notice.NoticeId.ToString("N"))
        );
    }

    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) => Task.FromResult<ChannelResult?>(null);
}
