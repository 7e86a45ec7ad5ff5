using System.Diagnostics;

namespace Vigil.Model;

/// <summary>
/// A reading's way to a notice as OpenTelemetry spans: receive → decode → commit → rules → alarm, and for each notice a span of its own
/// that links back to the alarm, hours later too. While nobody listens (no <c>Otlp:Endpoint</c>) a span is null and costs no memory.
/// </summary>
public static class Tracing
{
    public const string Name = "Vigil";

    public static readonly ActivitySource Source = new(Name);

    /// <summary>The context a W3C traceparent tells of; none for text that is none.</summary>
    public static ActivityContext Parse(string? traceparent) =>
        ActivityContext.TryParse(traceparent, null, out var context) ? context : default;

    /// <summary>The context as a W3C traceparent; null for none.</summary>
    public static string? Format(ActivityContext context) =>
        context == default
            ? null
            : $"00-{context.TraceId}-{context.SpanId}-{((context.TraceFlags & ActivityTraceFlags.Recorded) != 0 ? "01" : "00")}";
}
