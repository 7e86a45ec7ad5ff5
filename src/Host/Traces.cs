using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>Spans on their way to an OpenTelemetry collector (OTLP over HTTP) when <c>Otlp:Endpoint</c> is set.</summary>
internal static class Traces
{
    public static IServiceCollection AddTraces(this IServiceCollection services, OtlpOptions options)
    {
        if (options.Endpoint.Length == 0)
            return services;
        // Requests over HTTP have no spans: their paths hold signed links.
        services
            .AddOpenTelemetry()
            .ConfigureResource(r => r.AddService("vigil"))
            .WithTracing(traces =>
                traces
                    .AddSource(Tracing.Name)
                    .SetSampler(new ParentBasedSampler(new Share(options.Share)))
                    .AddOtlpExporter(o =>
                    {
                        o.Endpoint = new Uri(options.Endpoint.TrimEnd('/') + "/v1/traces");
                        o.Protocol = OtlpExportProtocol.HttpProtobuf;
                    })
            );
        return services;
    }

    /// <summary>
    /// <c>Otlp:Share</c> of the messages (1), and every alarm and notice: what begins without a message that was taken is rare and matters.
    /// </summary>
    private sealed class Share(double share) : Sampler
    {
        private readonly TraceIdRatioBasedSampler some = new(share);

        public override SamplingResult ShouldSample(in SamplingParameters parameters) =>
            parameters.Name == "receive" ? some.ShouldSample(parameters) : new SamplingResult(SamplingDecision.RecordAndSample);
    }
}
