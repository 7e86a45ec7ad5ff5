using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>Sends traces to an OpenTelemetry collector (OTLP over HTTP) when <c>Otlp:Endpoint</c> is set.</summary>
internal static class Traces
{
    public static IServiceCollection AddTraces(this IServiceCollection services, OtlpOptions options)
    {
        if (options.Endpoint.Length == 0)
            return services;
        // HTTP requests aren't traced, because their paths contain signed links.
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
    /// Traces a share of the messages (<c>Otlp:Share</c>), and all traces that don't begin with a message, such as those of alarms and
    /// notices, because these are rare and important.
    /// </summary>
    private sealed class Share(double share) : Sampler
    {
        private readonly TraceIdRatioBasedSampler some = new(share);

        public override SamplingResult ShouldSample(in SamplingParameters parameters) =>
            parameters.Name == "receive" ? some.ShouldSample(parameters) : new SamplingResult(SamplingDecision.RecordAndSample);
    }
}
