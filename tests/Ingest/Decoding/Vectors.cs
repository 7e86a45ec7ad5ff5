using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>
/// A payload of tests/data/vectors with its meaning: values that the source states, and values derived from the standard.
/// </summary>
public sealed class Vector
{
    private readonly JsonElement root;

    private Vector(JsonElement root) => this.root = root;

    public string Id => root.GetProperty("id").GetString()!;

    public string Format => root.GetProperty("format").GetString()!;

    /// <summary>The model's decoder, as the source names it: the bytes of a LoRaWAN frame mean nothing without it.</summary>
    public string Codec => root.GetProperty("codec").GetString()!;

    public int Port => root.GetProperty("f_port").GetInt32();

    public bool Negative => root.TryGetProperty("negative", out var n) && n.ValueKind == JsonValueKind.True;

    public string Payload => root.GetProperty("payload").GetString()!;

    public string Topic => root.TryGetProperty("topic", out var t) && t.GetString() is { } topic ? topic : "";

    public byte[] Bytes =>
        root.GetProperty("payload_encoding").GetString() == "hex"
            ? Convert.FromHexString(Payload)
            : System.Text.Encoding.UTF8.GetBytes(Payload);

    public static IReadOnlyList<Vector> Of(string family) =>
        [
            .. File.ReadLines(Path.Combine(AppContext.BaseDirectory, $"data/vectors/{family}.jsonl"))
                .Select(l => new Vector(JsonDocument.Parse(l).RootElement)),
        ];

    public static TheoryData<string> Ids(string family, Func<Vector, bool>? where = null) =>
        [.. Of(family).Where(where ?? (_ => true)).Select(v => v.Id)];

    public static Vector Find(string family, string id) => Of(family).Single(v => v.Id == id);

    /// <summary>The value under a name: what the source states, else what is derived from the standard, else null.</summary>
    public JsonElement? this[string name] =>
        root.GetProperty("expected").TryGetProperty(name, out var e) ? e.GetProperty("value")
        : root.TryGetProperty("expected_derived", out var d) && d.TryGetProperty(name, out e) ? e.GetProperty("value")
        : null;

    /// <summary>The value derived from the standard where there is one, else what the source states.</summary>
    public JsonElement? Derived(string name) =>
        root.TryGetProperty("expected_derived", out var d) && d.TryGetProperty(name, out var e) ? e.GetProperty("value") : this[name];

    public double? Number(string name) => this[name] is { ValueKind: JsonValueKind.Number } e ? e.GetDouble() : null;

    public string? Text(string name) => this[name] is { ValueKind: JsonValueKind.String } e ? e.GetString() : null;

    public bool? Flag(string name) => this[name] is { ValueKind: JsonValueKind.True or JsonValueKind.False } e ? e.GetBoolean() : null;

    /// <summary>The names of all expected values that are not null.</summary>
    public IEnumerable<string> Names =>
        root.GetProperty("expected")
            .EnumerateObject()
            .Concat(root.TryGetProperty("expected_derived", out var d) ? d.EnumerateObject() : default)
            .Where(p => p.Value.TryGetProperty("value", out var v) && v.ValueKind != JsonValueKind.Null)
            .Select(p => p.Name)
            .Distinct();

    public override string ToString() => Id;
}

/// <summary>What a decoder made of a payload.</summary>
public sealed record Outcome(string? Rejected, string Device, IReadOnlyList<Reading> Readings)
{
    public static readonly DateTime Received = new(2027, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    public static Outcome Of(Decoder decoder, ReadOnlySpan<byte> payload, DateTime? received = null, string topicDevice = "")
    {
        var into = new DecodedPayload();
        into.Reset(topicDevice, received ?? Received);
        var reason = decoder.Decode(payload, "", into);
        return new Outcome(reason?.En, into.Device, [.. into.Readings]);
    }

    public Reading The(Metric metric, string channel = "")
    {
        Assert.True(Rejected is null, Rejected);
        return Assert.Single(Readings, r => r.Metric == metric && r.Channel == channel);
    }

    public bool Has(Metric metric) => Readings.Any(r => r.Metric == metric);
}
