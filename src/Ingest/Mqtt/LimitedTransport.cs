using System.IO.Pipelines;

namespace Vigil.Ingest.Mqtt;

/// <summary>A connection whose packets are read through a <see cref="PacketLimit"/>.</summary>
internal sealed class LimitedTransport(IDuplexPipe inner, PacketLimit input) : IDuplexPipe
{
    public PipeReader Input => input;
    public PipeWriter Output => inner.Output;
}
