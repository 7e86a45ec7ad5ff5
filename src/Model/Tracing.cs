using System.Diagnostics;

namespace Vigil.Model;

/// <summary>
/// The path from a reading to a notice as OpenTelemetry spans: receive → decode → commit → rules → alarm, and for each notice a span that
/// links back to the alarm, even hours later. Without a listener (no <c>Otlp:Endpoint</c>) spans are null and allocate nothing.
/// </summary>
public static class Tracing
{
    public const string Name = "Vigil";

    public static readonly ActivitySource Source = new(Name);

    /// <summary>The context of a W3C traceparent; default for text that is none.</summary>
    public static ActivityContext Parse(string? traceparent) =>
        ActivityContext.TryParse(traceparent, null, out var context) ? context : default;

    /// <summary>The context as a W3C traceparent; null for none.</summary>
    public static string? Format(ActivityContext context) =>
        context == default
            ? null
            : $"00-{context.TraceId}-{context.SpanId}-{((context.TraceFlags & ActivityTraceFlags.Recorded) != 0 ? "01" : "00")}";
}
