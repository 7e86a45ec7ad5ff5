using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.SelfTest;

/// <summary>
/// Accepts the message of the service's self-test without sending it anywhere: used unless <c>Health:CanaryTo</c> names a real channel.
/// </summary>
public sealed class SelfTestChannel : IChannel
{
    public string Provider => Model.SelfTest.Channel;

    public bool Carries(Channel channel) => channel == Channel.SelfTest;

    public Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation) =>
        Task.FromResult(new ChannelResult(ChannelOutcome.Sent, new Wording("came round", "已返回"), notice.NoticeId.ToString("N")));

    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) => Task.FromResult<ChannelResult?>(null);
}
