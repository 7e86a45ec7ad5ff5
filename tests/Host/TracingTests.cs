using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>The traces of a press, from its message to its notice, as a collector receives them.</summary>
[Trait("Category", "Server")]
public sealed class TracingTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void While_nobody_listens_a_span_costs_no_memory()
    {
        Step();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        static void Step()
        {
            using var span = Tracing.Source.StartActivity("receive", ActivityKind.Consumer);
            span?.SetTag("messaging.system", "mqtt");
        }
    }

    [Fact]
    public async Task A_press_is_followed_from_the_message_to_the_notice_and_sent_to_the_collector()
    {
        var heard = new StringBuilder();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        await using var collector = builder.Build();
        collector.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            lock (heard)
                heard.Append(http.Request.Path).Append(Encoding.Latin1.GetString(body.ToArray()));
        });
        await collector.StartAsync(Stop);

        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name == Tracing.Name,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = a =>
            {
                lock (spans)
                    spans.Add(a);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using (var service = await ServiceUnderTest.StartAsync(new() { ["Otlp:Endpoint"] = collector.Urls.First() }))
        {
            Assert.Equal(Receipt.Committed, await service.PressAsync());
            for (var sent = false; !sent; )
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Stop);
                await using var db = await service.Records.CreateDbContextAsync(Stop);
                sent = await db.Notices.AnyAsync(n => n.State >= NoticeState.Sent && n.SentAt != null, Stop);
            }

            await service.StopAsync();
        }

        lock (spans)
        {
            var receive = spans.Single(s =>
                s.OperationName == "receive" && (string?)s.GetTagItem("messaging.destination.name") == "vigil/sos-1/up"
            );
            foreach (var step in new[] { "decode", "commit", "rules", "alarm" })
                Assert.Contains(spans, s => s.OperationName == step && s.TraceId == receive.TraceId);
            var alarm = spans.First(s => s.OperationName == "alarm" && s.TraceId == receive.TraceId);
            // A listener hears the whole process, in which other tests' services send notices too.
            var notice = spans.First(s => s.OperationName == "notice" && s.Links.Any(l => l.Context.TraceId == alarm.TraceId));
            Assert.Equal(alarm.SpanId, notice.Links.Single().Context.SpanId);
        }

        lock (heard)
            foreach (var word in new[] { "/v1/traces", "receive", "decode", "commit", "rules", "alarm", "notice" })
                Assert.Contains(word, heard.ToString(), StringComparison.Ordinal);
    }
}
