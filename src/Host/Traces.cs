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
        return services.AddHostedService(_ => new Provider(() =>
            Sdk.CreateTracerProviderBuilder()
                .AddSource(Tracing.Name)
                .SetResourceBuilder(ResourceBuilder.CreateDefault().AddService("vigil"))
                .SetSampler(new ParentBasedSampler(new Share(options.Share)))
                .AddOtlpExporter(o =>
                {
                    o.Endpoint = new Uri(options.Endpoint.TrimEnd('/') + "/v1/traces");
                    o.Protocol = OtlpExportProtocol.HttpProtobuf;
                })
                .Build()
        ));
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

    /// <summary>Listens from the start to the stop, and sends the last spans at the stop.</summary>
    private sealed class Provider(Func<TracerProvider> build) : IHostedService
    {
        private TracerProvider? provider;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            provider = build();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            provider?.Dispose();
            return Task.CompletedTask;
        }
    }
}
