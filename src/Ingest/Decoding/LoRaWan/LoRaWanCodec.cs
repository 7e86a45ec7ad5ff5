using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Jint;
using Jint.Runtime;
using Vigil.Ingest.Profiles;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Runs a LoRaWAN device repository decoder as it is: <c>decodeUplink</c> and <c>normalizeUplink</c>, or the older <c>Decoder</c> and <c>Decode</c>.
/// The script is parsed once; every payload gets an engine of its own, so that nothing one payload left behind (a changed prototype) reaches the next.
/// A script that runs too long, too deep or too large ends with a reason. May be called from many threads.
/// </summary>
public sealed class LoRaWanCodec
{
    private static readonly TimeSpan MaxTime = TimeSpan.FromMilliseconds(500);
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // One call of these builds a string of any length, between two checks of the memory limit.
    private static readonly Prepared<Acornima.Ast.Script> Guard = Engine.PrepareScript("""
        (function () {
          ['repeat', 'padStart', 'padEnd'].forEach(function (name) {
            var own = String.prototype[name];
            String.prototype[name] = function (n, fill) {
              if (n > 65536 || (name === 'repeat' && n * String(this).length > 1048576)) throw new RangeError(name + ' of more than the decoder may use');
              return own.call(this, n, fill);
            };
          });
        })();
        """);

    private static readonly Prepared<Acornima.Ast.Script> Driver = Engine.PrepareScript("""
        (function () {
          var given = JSON.parse(__vigil_input), out;
          if (typeof decodeUplink === 'function') {
            out = decodeUplink({ bytes: given.bytes, fPort: given.port, recvTime: new Date(given.time), variables: {} });
          } else if (typeof Decoder === 'function') {
            out = { data: Decoder(given.bytes, given.port) };
          } else if (typeof Decode === 'function') {
            out = { data: Decode(given.port, given.bytes, {}) };
          } else {
            return JSON.stringify({ missing: true });
          }
          if (!out || typeof out !== 'object') return JSON.stringify({});
          if (out.errors && out.errors.length) return JSON.stringify({ errors: [].concat(out.errors).map(String) });
          var normal;
          if (out.data !== undefined && typeof normalizeUplink === 'function') {
            normal = normalizeUplink({ data: JSON.parse(JSON.stringify(out.data)), warnings: out.warnings || [], errors: [] });
          }
          return JSON.stringify({ decoded: out.data, normalized: normal && normal.data, normalErrors: normal && normal.errors });
        })()
        """);

    private readonly Prepared<Acornima.Ast.Script> script;

    private LoRaWanCodec(Prepared<Acornima.Ast.Script> script) => this.script = script;

    /// <exception cref="IOException">The file can't be read.</exception>
    /// <exception cref="FormatException">The file is not JavaScript.</exception>
    public static LoRaWanCodec Load(string file) => Parse(File.ReadAllText(file));

    /// <exception cref="FormatException">The text is not JavaScript.</exception>
    public static LoRaWanCodec Parse(string source)
    {
        try
        {
            return new LoRaWanCodec(Engine.PrepareScript(source));
        }
        catch (Exception e) when (e is ScriptPreparationException or JintException)
        {
            throw new FormatException($"is not JavaScript: {e.InnerException?.Message ?? e.Message}", e);
        }
    }

    /// <summary>Decodes one uplink. Whatever goes wrong is <see cref="CodecRun.Rejected"/>; nothing is thrown.</summary>
    public CodecRun Run(ReadOnlySpan<byte> bytes, int port, DateTime received)
    {
        try
        {
            var engine = new Engine(options =>
            {
                options.TimeoutInterval(MaxTime).LimitMemory(32_000_000).LimitRecursion(200).MaxStatements(1_000_000).RegexTimeoutInterval(TimeSpan.FromMilliseconds(100));
                options.Constraints.MaxArraySize = 1_000_000;
                options.DisableStringCompilation();
            });
            engine.Execute(Guard);
            engine.SetValue("__vigil_input", JsonSerializer.Serialize(new { bytes = bytes.ToArray().Select(b => (int)b), port, time = received.ToString("O") }));
            engine.Execute(script);
            var text = engine.Evaluate(Driver).ToString();
            var result = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 32 });
            var root = result.RootElement;
            string? reason = root.Field("missing") is not null ? "the decoder defines neither decodeUplink nor Decoder nor Decode"
                : root.Field("errors") is { ValueKind: JsonValueKind.Array } errors ? "the decoder refused it: " + string.Join("; ", errors.EnumerateArray().Select(e => e.ToString()))
                : root.Field("decoded") is null ? "the decoder returned no data" : null;
            return new CodecRun(result, reason);
        }
        catch (Exception e) when (e is JintException or TimeoutException or OperationCanceledException or JsonException or InsufficientExecutionStackException
            or System.Text.RegularExpressions.RegexMatchTimeoutException or InvalidOperationException or ArgumentException or InvalidCastException or OutOfMemoryException)
        {
            return new CodecRun(null, "the decoder failed: " + e.Message);
        }
    }

    /// <summary>The line of <c>vigil decode --codec FILE.js --port N</c> for one payload in hexadecimal.</summary>
    /// <param name="accepted">False when the line says why it was rejected.</param>
    public string DecodeLine(string hex, int port, DateTime received, out bool accepted)
    {
        var text = Encoding.UTF8.GetBytes(hex);
        var bytes = new byte[text.Length / 2 + 1];
        using var run = Profile.TryHex(text, bytes, out var length) ? Run(bytes.AsSpan(0, length), port, received) : new CodecRun(null, "is not hexadecimal text");
        accepted = run.Rejected is null;
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            if (run.Rejected is not null)
            {
                json.WriteString("rejected", run.Rejected);
            }
            else
            {
                var into = new DecodedPayload();
                into.Reset("", received);
                run.Map(into, null);
                json.WritePropertyName("decoded");
                run.Decoded!.Value.WriteTo(json);
                json.WriteStartArray("normalized");
                if (run.Normalised is { ValueKind: JsonValueKind.Array } many) foreach (var one in many.EnumerateArray()) one.WriteTo(json);
                else if (run.Normalised is { } single) single.WriteTo(json);
                json.WriteEndArray();
                DecodeOutput.WriteReadings(json, into);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}

/// <summary>What a decoder made of one uplink, or why it was rejected.</summary>
public sealed class CodecRun(JsonDocument? result, string? rejected) : IDisposable
{
    public string? Rejected { get; } = rejected;

    public JsonElement? Decoded => result?.RootElement.Field("decoded");

    public JsonElement? Normalised => result?.RootElement.Field("normalized");

    internal void Map(DecodedPayload into, DateTime? time)
    {
        if (Normalised is { } normalised) ObjectMapping.MapNormalised(normalised, into, time);
        if (Decoded is { } decoded) ObjectMapping.Map(decoded, into, time);
    }

    public void Dispose() => result?.Dispose();
}
