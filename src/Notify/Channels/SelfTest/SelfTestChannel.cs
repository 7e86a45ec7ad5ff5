using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.SelfTest;

/// <summary>Leads back into the service: where the canary ends when no real channel is named for it and routes are.</summary>
public sealed class SelfTestChannel : IChannel
{
    public string Provider => Model.SelfTest.Channel;

    public bool Carries(Channel channel) => channel == Channel.SelfTest;

    public Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation) =>
        Task.FromResult(new ChannelResult(ChannelOutcome.Sent, new Wording("came round", "已返回"), notice.NoticeId.ToString("N")));

    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) => Task.FromResult<ChannelResult?>(null);
}
