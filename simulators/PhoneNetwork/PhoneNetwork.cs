using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Vigil.Phones;

/// <summary>
/// A phone network on loopback: the providers' own APIs, and people who answer, ignore, press keys, have voicemail or have opted out.
/// Nothing leaves the machine. What people do happens in the time of the clock it is given: by itself, or, for a test with a clock of its
/// own, when <see cref="RunDueAsync"/> is called.
/// </summary>
public sealed class PhoneNetwork : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly Lock gate = new();
    private readonly PriorityQueue<Func<Task>, (DateTimeOffset At, long Order)> plan = new();
    private readonly List<Taken> taken = [];
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim planned = new(0);
    private TaskCompletionSource serviceChanged = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Service service;
    private Task running = Task.CompletedTask;
    private long order;

    private PhoneNetwork(WebApplication app, TimeProvider clock, TwilioAccount twilio)
    {
        (this.app, Clock) = (app, clock);
        Twilio = new TwilioApi(this, twilio);
        Twilio.Map(app);
        Aliyun = new AliyunApi(this, twilio.Hooks);
        Aliyun.Map(app);
        Control.Map(app, this);
    }

    public TimeProvider Clock { get; }

    public TwilioApi Twilio { get; }

    public AliyunApi Aliyun { get; }

    /// <summary>By number, E.164. Who isn't listed ignores calls and messages.</summary>
    public ConcurrentDictionary<string, Person> People { get; } = new();

    public Receipts Receipts { get; set; }

    /// <summary>What the providers do with requests from now on; what hangs until then is let go.</summary>
    public Service Service
    {
        get => service;
        set
        {
            service = value;
            Interlocked.Exchange(ref serviceChanged, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        }
    }

    /// <summary>Callbacks that were not taken as the providers want it: no 2xx, or an empty body without 204.</summary>
    public ConcurrentQueue<string> BadCallbacks { get; } = new();

    public string Url { get; private set; } = "";

    /// <summary>What really went out, in order.</summary>
    public IReadOnlyList<Taken> Taken
    {
        get
        {
            lock (gate)
                return [.. taken];
        }
    }

    public event Action<PhoneEvent>? Happened;

    /// <summary>When the next thing happens; null when nobody is about to do anything.</summary>
    public DateTimeOffset? NextAt
    {
        get
        {
            lock (gate)
                return plan.TryPeek(out _, out var next) ? next.At : null;
        }
    }

    /// <param name="manual">Nothing happens by itself: <see cref="RunDueAsync"/> makes it happen.</param>
    public static async Task<PhoneNetwork> StartAsync(TwilioAccount twilio, TimeProvider clock, int port = 0, bool manual = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port));
        builder.Services.AddRoutingCore();
        var network = new PhoneNetwork(builder.Build(), clock, twilio);
        await network.app.StartAsync();
        network.Url = network.app.Urls.First();
        if (!manual)
            network.running = Task.Run(network.RunAsync);
        return network;
    }

    public Person PersonAt(string number) => People.GetValueOrDefault(number) ?? new Person();

    /// <summary>Makes happen all that is due by now, in order. Returns how much it was.</summary>
    public async Task<int> RunDueAsync()
    {
        for (var done = 0; ; done++)
        {
            Func<Task> action;
            lock (gate)
            {
                if (!plan.TryPeek(out _, out var next) || next.At > Clock.GetUtcNow())
                    return done;
                action = plan.Dequeue();
            }

            await action();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested)
            return;
        await stopping.CancelAsync();
        serviceChanged.TrySetResult();
        await running;
        await Twilio.DisposeAsync();
        Aliyun.Dispose();
        await app.StopAsync(TimeSpan.FromSeconds(1).ToToken());
        await app.DisposeAsync();
        stopping.Dispose();
        planned.Dispose();
    }

    internal void Tell(string what, string number, string text) => Happened?.Invoke(new PhoneEvent(Clock.GetUtcNow(), what, number, text));

    internal void Took(string provider, string kind, string number, string text, string id)
    {
        lock (gate)
            taken.Add(new Taken(Clock.GetUtcNow(), provider, kind, number, text, id));
    }

    internal void After(TimeSpan time, Func<Task> action)
    {
        lock (gate)
            plan.Enqueue(action, (Clock.GetUtcNow() + time, order++));
        if (!stopping.IsCancellationRequested)
            planned.Release();
    }

    /// <summary>Waits as long as the service hangs and the caller holds the line.</summary>
    internal async Task HangAsync(HttpContext http)
    {
        while (
            Service is Service.Hangs or Service.SwallowsAnswer
            && !http.RequestAborted.IsCancellationRequested
            && !stopping.IsCancellationRequested
        )
            await Task.WhenAny(serviceChanged.Task, Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted));
        http.Abort();
    }

    private async Task RunAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await RunDueAsync();
                var wait = NextAt is { } next ? next - Clock.GetUtcNow() : Timeout.InfiniteTimeSpan;
                if (wait <= TimeSpan.Zero && wait != Timeout.InfiniteTimeSpan)
                    continue;
                using var until = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
                await Task.WhenAny(planned.WaitAsync(until.Token), Task.Delay(wait, Clock, until.Token));
                await until.CancelAsync();
            }
            catch (OperationCanceledException)
            {
                // it ends
            }
        }
    }
}

internal static class Times
{
    /// <summary>A token that is cancelled after a time of the wall clock.</summary>
    public static CancellationToken ToToken(this TimeSpan time) => new CancellationTokenSource(time, TimeProvider.System).Token;
}
