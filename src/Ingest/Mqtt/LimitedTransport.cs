using System.IO.Pipelines;

namespace Vigil.Ingest.Mqtt;

/// <summary>A connection that is read through a <see cref="PacketLimit"/> and written through a <see cref="SharedOutput"/>.</summary>
internal sealed class LimitedTransport(PacketLimit input, SharedOutput output) : IDuplexPipe
{
    public PipeReader Input => input;
    public PipeWriter Output => output;
}
