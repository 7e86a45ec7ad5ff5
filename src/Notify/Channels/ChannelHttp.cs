using System.Diagnostics.Metrics;
using System.Threading.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.CircuitBreaker;
using Polly.RateLimiting;
using Polly.Retry;
using Polly.Timeout;
using Vigil.Model;

namespace Vigil.Notify.Channels;

/// <param name="Try">Of one request.</param>
/// <param name="Total">With its repeats; under the dispatcher's own limit of 30 s.</param>
public sealed record ChannelTimeouts(TimeSpan Try, TimeSpan Total)
{
    public ChannelTimeouts()
        : this(TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(20)) { }
}

/// <summary>
/// One HttpClient for each provider, with a pipeline of its own, so that a provider that hangs holds up no other: bulkhead → total timeout
/// → retry → circuit breaker → timeout of a try. Only what is safe to repeat is repeated here: reads, and requests that never reached the
/// provider. Everything else is repeated by the dispatcher, which asks the provider first.
/// </summary>
public static class ChannelHttp
{
    /// <summary>
    /// Requests under way at one provider, critical and others apart: less than the dispatcher has at once, so that a hung provider leaves
    /// room.
    /// </summary>
    public const int MostInFlight = 48;

    /// <summary>
    /// Key of the clock that pauses of providers are measured on: real time, also where the service's own clock runs faster (the demo).
    /// Tests register another.
    /// </summary>
    public const string Clock = "channels";

    /// <summary>
    /// A little less than <see cref="ChannelHealth.ProbeEvery"/>: a probe that is let through finds the circuit half open.
    /// </summary>
    private static readonly TimeSpan Break = Channels.ChannelHealth.ProbeEvery - TimeSpan.FromSeconds(1);

    private static readonly HttpRequestOptionsKey<bool> Critical = new("vigil.critical");

    /// <summary>Registers the provider's HttpClient (by its name) and its <see cref="ChannelHealth"/> (keyed by its name).</summary>
    public static IServiceCollection AddChannelHttp(this IServiceCollection services, string provider, Uri baseAddress)
    {
        services.AddKeyedSingleton(
            provider,
            (s, _) => new ChannelHealth(provider, ClockOf(s), s.GetService<Meter>(), s.GetService<Troubles>())
        );
        services
            .AddHttpClient(
                provider,
                client =>
                {
                    client.BaseAddress = baseAddress;
                    // longer than the pipeline's timeouts, which don't cover reading the body
                    client.Timeout = new ChannelTimeouts().Total + TimeSpan.FromSeconds(5);
                    client.MaxResponseContentBufferSize = 4 << 20;
                }
            )
            .ConfigurePrimaryHttpMessageHandler(s => new SocketsHttpHandler
            {
                SslOptions =
                {
                    RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                        Certificates.Seen(provider, certificate, errors, ClockOf(s), s.GetService<Troubles>()),
                },
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = TimeSpan.FromSeconds(5),
                PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers() // they would write addresses, and with them numbers and tokens
            .AddResilienceHandler("tries", (pipeline, context) => Tries(pipeline, TimeoutsOf(context.ServiceProvider)));
        services
            .AddHttpClient(provider)
            .AddResilienceHandler(
                "circuit",
                (pipeline, context) =>
                {
                    pipeline.TimeProvider = new Vigil.Model.SteadyClock(ClockOf(context.ServiceProvider));
                    Circuit(pipeline, context.ServiceProvider.GetRequiredKeyedService<ChannelHealth>(provider));
                }
            );
        services
            .AddHttpClient(provider)
            .AddResilienceHandler(
                "try",
                (pipeline, context) =>
                {
                    pipeline.TimeProvider = TimeProvider.System; // as below
                    pipeline.AddTimeout(TimeoutsOf(context.ServiceProvider).Try);
                }
            );
        return services;
    }

    public static ChannelHealth ChannelHealth(this IServiceProvider services, string provider) =>
        services.GetRequiredKeyedService<ChannelHealth>(provider);

    public static HttpClient ChannelClient(this IServiceProvider services, string provider) =>
        services.GetRequiredService<IHttpClientFactory>().CreateClient(provider);

    /// <summary>Sends a request. Returns its answer, or a result that says why there is none.</summary>
    public static async Task<(HttpResponseMessage? Answer, ChannelResult? Trouble)> TrySendAsync(
        this HttpClient http,
        HttpRequestMessage request,
        ChannelHealth health,
        bool critical,
        CancellationToken cancellation
    )
    {
        if (!health.MayTry())
            return (null, new ChannelResult(ChannelOutcome.Down, Down(health, health.Trouble)));
        request.Options.Set(Critical, critical);
        try
        {
            return (await http.SendAsync(request, cancellation), null);
        }
        catch (BrokenCircuitException)
        {
            return (null, new ChannelResult(ChannelOutcome.Down, Down(health, health.Trouble ?? Silent)));
        }
        catch (RateLimiterRejectedException)
        {
            return (
                null,
                new ChannelResult(
                    ChannelOutcome.Busy,
                    new Wording(
                        $"{MostInFlight} requests are under way at {health.Provider}",
                        $"{health.Provider} 有 {MostInFlight} 个请求尚未完成"
                    )
                )
            );
        }
        catch (HttpRequestException e) when (NeverWentOut(e))
        {
            return (
                null,
                new ChannelResult(
                    ChannelOutcome.TryAgain,
                    new Wording(
                        $"{health.Provider} can't be reached: {e.HttpRequestError}",
                        $"{health.Provider} 无法连接（{e.HttpRequestError}）"
                    )
                )
            );
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutRejectedException or IOException)
        {
            return (
                null,
                new ChannelResult(
                    ChannelOutcome.Unknown,
                    e is TimeoutRejectedException
                        ? new Wording($"no answer of {health.Provider} in time", $"{health.Provider} 未及时应答")
                        : new Wording($"the connection to {health.Provider} broke", $"与 {health.Provider} 的连接中断")
                )
            );
        }
    }

    private static readonly Wording Silent = new("it does not answer", "没有应答");

    private static Wording Down(ChannelHealth health, Wording? why) =>
        new($"{health.Provider} is down: {why?.En}", $"{health.Provider} 不可用：{why?.Zh}");

    private static TimeProvider ClockOf(IServiceProvider services) => services.GetKeyedService<TimeProvider>(Clock) ?? TimeProvider.System;

    private static ChannelTimeouts TimeoutsOf(IServiceProvider services) => services.GetService<ChannelTimeouts>() ?? new();

    private static void Tries(ResiliencePipelineBuilder<HttpResponseMessage> pipeline, ChannelTimeouts timeouts)
    {
        var (critical, others) = (Bulkhead(), Bulkhead());
        pipeline.TimeProvider = TimeProvider.System; // else it takes the service's, which may run fast
        pipeline
            .AddRateLimiter(
                new RateLimiterStrategyOptions
                {
                    RateLimiter = args => (IsCritical(args.Context) ? critical : others).AcquireAsync(1, args.Context.CancellationToken),
                }
            )
            .AddTimeout(timeouts.Total)
            .AddRetry(
                new RetryStrategyOptions<HttpResponseMessage>
                {
                    MaxRetryAttempts = 2,
                    Delay = TimeSpan.FromMilliseconds(300),
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    ShouldHandle = args =>
                        ValueTask.FromResult(
                            args.Outcome.Exception is HttpRequestException e && NeverWentOut(e)
                                || (
                                    args.Context.GetRequestMessage()?.Method == HttpMethod.Get
                                    && (
                                        args.Outcome.Exception is HttpRequestException or TimeoutRejectedException or IOException
                                        || args.Outcome.Result is { StatusCode: >= System.Net.HttpStatusCode.InternalServerError }
                                    )
                                )
                        ),
                }
            );
    }

    private static void Circuit(ResiliencePipelineBuilder<HttpResponseMessage> pipeline, ChannelHealth health) =>
        pipeline.AddCircuitBreaker(
            new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                FailureRatio = 0.5,
                MinimumThroughput = 5,
                SamplingDuration = TimeSpan.FromSeconds(60),
                BreakDuration = Break,
                ShouldHandle = new PredicateBuilder<HttpResponseMessage>()
                    .Handle<HttpRequestException>()
                    .Handle<TimeoutRejectedException>()
                    .Handle<IOException>()
                    .HandleResult(r => (int)r.StatusCode >= 500),
                OnOpened = args =>
                {
                    health.Down(
                        args.Outcome.Result is { } answer
                            ? new Wording($"it answers {(int)answer.StatusCode}", $"应答 {(int)answer.StatusCode}")
                            : Silent
                    );
                    return default;
                },
                OnClosed = _ =>
                {
                    health.Up();
                    return default;
                },
            }
        );

    private static ConcurrencyLimiter Bulkhead() => new(new ConcurrencyLimiterOptions { PermitLimit = MostInFlight, QueueLimit = 0 });

    private static bool IsCritical(ResilienceContext context) =>
        context.GetRequestMessage() is { } request && request.Options.TryGetValue(Critical, out var critical) && critical;

    private static bool NeverWentOut(HttpRequestException e) =>
        e.HttpRequestError
            is HttpRequestError.ConnectionError
                or HttpRequestError.NameResolutionError
                or HttpRequestError.SecureConnectionError
                or HttpRequestError.ProxyTunnelError;
}
