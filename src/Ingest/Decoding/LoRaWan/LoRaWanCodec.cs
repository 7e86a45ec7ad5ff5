using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Jint;
using Jint.Runtime;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Runs a LoRaWAN device repository decoder as it is: <c>decodeUplink</c> and <c>normalizeUplink</c>, or the older <c>Decoder</c> and
/// <c>Decode</c>. The script is parsed once; every payload gets an engine of its own, so that nothing one payload left behind (a changed
/// prototype) reaches the next. A script that runs too long, too deep or too large ends with a reason. It runs on a thread of its own with
/// a large stack. May be called from many threads.
/// </summary>
public sealed class LoRaWanCodec
{
    private static readonly TimeSpan MaxTime = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Jint's own functions recurse natively (a chain of prototypes, nested lists joined to text): as deep as the limits of memory and
    // statements let a script build, they have to fit.
    private const int Stack = 256 << 20;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Decoders written for a node or a browser log, and export themselves. What the driver needs is kept from a decoder's hands.
    private static readonly Prepared<Acornima.Ast.Script> Surroundings = Engine.PrepareScript(
        """
        var console = { log: function () {}, warn: function () {}, error: function () {}, info: function () {}, debug: function () {} };
        var module = { exports: {} }, exports = module.exports;
        Object.freeze(JSON);
        Object.defineProperty(globalThis, 'JSON', { writable: false, configurable: false });
        """
    );

    // One call of these builds a text of any length, between two checks of the memory limit.
    private static readonly Prepared<Acornima.Ast.Script> Guard = Engine.PrepareScript(
        """
        (function () {
          ['repeat', 'padStart', 'padEnd'].forEach(function (name) {
            var own = String.prototype[name];
            String.prototype[name] = function (n, fill) {
              if (n > 65536 || (name === 'repeat' && n * String(this).length > 1048576))
                throw new RangeError(name + ' of more than the decoder may use');
              return own.call(this, n, fill);
            };
          });
          function most(length) { if (!(length <= 1048576)) throw new RangeError('a text longer than the decoder may make'); }
          [Array.prototype, Object.getPrototypeOf(Uint8Array.prototype)].forEach(function (kind) {
            var own = kind.join;
            kind.join = function (mark) {
              var total = this.length * (mark === undefined ? 1 : String(mark).length);
              most(total);
              for (var i = 0; i < this.length; i++) {
                if (typeof this[i] === 'string') most(total += this[i].length);
              }
              return own.call(this, mark);
            };
          });
          ['replace', 'replaceAll'].forEach(function (name) {
            var own = String.prototype[name];
            String.prototype[name] = function (what, by) {
              if (typeof by !== 'function') most((this.length + 1) * String(by).length);
              return own.call(this, what, by);
            };
          });
          var raw = String.raw;
          String.raw = function (parts) { most(parts.raw.length * 64); return raw.apply(String, arguments); };
        })();
        """
    );

    private static readonly Prepared<Acornima.Ast.Script> Driver = Engine.PrepareScript(
        """
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
          // A copy of plain values: nothing of the decoder's own (getters, proxies, toJSON, cycles, depth) reaches the serialiser.
          var nodes = 0;
          function plain(value, depth) {
            if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
            if (typeof value === 'number') return isFinite(value) ? value : null;
            if (typeof value !== 'object') return undefined;
            if (depth > 12) throw new RangeError('the decoded object is nested deeper than 12');
            if (++nodes > 5000) throw new RangeError('the decoded object has more than 5000 parts');
            if (value instanceof Date) return isNaN(value) ? null : value.toISOString();
            if (Array.isArray(value) || ArrayBuffer.isView(value)) {
              if (value.length > 5000) throw new RangeError('the decoded object has a list of more than 5000');
              var list = [];
              for (var i = 0; i < value.length; i++) list.push(plain(value[i], depth + 1));
              return list;
            }
            var copy = {}, keys = Object.keys(value);
            for (var k = 0; k < keys.length; k++) {
              if (++nodes > 5000) throw new RangeError('the decoded object has more than 5000 parts');
              var one = plain(value[keys[k]], depth + 1);
              if (one !== undefined) copy[keys[k]] = one;
            }
            return copy;
          }
          if (!out || typeof out !== 'object') return JSON.stringify({});
          if (typeof out.then === 'function') return JSON.stringify({ later: true });
          if (typeof out.errors === 'string' || (Array.isArray(out.errors) && out.errors.length))
            return JSON.stringify({ errors: [].concat(out.errors).slice(0, 8).map(String) });
          var normal;
          if (out.data !== undefined && typeof normalizeUplink === 'function') {
            normal = normalizeUplink({ data: plain(out.data, 0), warnings: out.warnings || [], errors: [] });
          }
          var warnings = Array.isArray(out.warnings) && out.warnings.length ? out.warnings.slice(0, 8).map(String) : undefined;
          return JSON.stringify({ decoded: plain(out.data, 0), normalized: normal && plain(normal.data, 0), warnings: warnings });
        })()
        """
    );

    private readonly Prepared<Acornima.Ast.Script> script;
    private volatile Thread? stuck;

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
        var input = JsonSerializer.Serialize(
            new
            {
                bytes = bytes.ToArray().Select(b => (int)b),
                port,
                time = received.ToString("O"),
            }
        );
        // One native function (joining a list nested a hundred thousand deep) can outlast every limit: it is left behind, and until it ends
        // the decoder gets nothing more.
        if (stuck is { IsAlive: true })
            return new CodecRun(
                null,
                new Wording("the decoder has not ended with an earlier uplink yet", "解码脚本还没有处理完上一条上行数据")
            );
        CodecRun? run = null;
        var own = new Thread(() => run = Run(input), Stack) { IsBackground = true, Name = "codec" };
        own.Start();
        if (own.Join(Patience))
            return run!;
        stuck = own;
        return new CodecRun(
            null,
            new Wording($"the decoder did not end within {Patience.TotalSeconds} s", $"解码脚本 {Patience.TotalSeconds} 秒内没有结束")
        );
    }

    private CodecRun Run(string input)
    {
        try
        {
            var engine = new Engine(options =>
            {
                options
                    .TimeoutInterval(MaxTime)
                    .LimitMemory(16_000_000)
                    .LimitRecursion(200)
                    .MaxStatements(100_000)
                    .RegexTimeoutInterval(TimeSpan.FromMilliseconds(100));
                options.Constraints.MaxArraySize = 1_000_000;
                options.DisableStringCompilation();
            });
            engine.Execute(Surroundings);
            engine.Execute(Guard);
            engine.SetValue("__vigil_input", input);
            engine.Execute(script);
            var text = engine.Evaluate(Driver).ToString();
            var result = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 32 });
            var root = result.RootElement;
            var reason =
                root.Field("later") is not null
                    ? new Wording(
                        "the decoder answers later (a Promise): it has to return its result",
                        "解码脚本异步返回（Promise），应直接返回结果"
                    )
                : root.Field("missing") is not null
                    ? new Wording(
                        "the decoder defines neither decodeUplink nor Decoder nor Decode",
                        "解码脚本没有定义 decodeUplink、Decoder 或 Decode"
                    )
                : root.Field("errors") is { ValueKind: JsonValueKind.Array } errors
                    ? Said("the decoder refused it", "解码脚本拒绝", string.Join("; ", errors.EnumerateArray().Select(e => e.ToString())))
                : root.Field("decoded") is null ? new Wording("the decoder returned no data", "解码脚本没有返回数据")
                : null;
            return new CodecRun(result, reason);
        }
        catch (Exception e)
            when (e
                    is JintException
                        or TimeoutException
                        or OperationCanceledException
                        or JsonException
                        or InsufficientExecutionStackException
                        or System.Text.RegularExpressions.RegexMatchTimeoutException
                        or InvalidOperationException
                        or ArgumentException
                        or InvalidCastException
                        or OutOfMemoryException
            )
        {
            return new CodecRun(null, Said("the decoder failed", "解码脚本出错", e.Message));
        }
    }

    /// <summary>What the decoder's own words are is its author's: they are quoted in either language.</summary>
    private static Wording Said(string en, string zh, string words) => new Wording(Short($"{en}: {words}"), Short($"{zh}：“{words}") + "”");

    private static string Short(string text) => text.Length > 500 ? text[..500] + "…" : text;

    /// <summary>The line of <c>vigil decode --codec FILE.js --port N</c> for one payload in hexadecimal.</summary>
    /// <param name="accepted">False when the line says why it was rejected.</param>
    public string DecodeLine(string hex, int port, DateTime received, out bool accepted)
    {
        var text = Encoding.UTF8.GetBytes(hex);
        var bytes = new byte[text.Length / 2 + 1];
        using var run = Profile.TryHex(text, bytes, out var length)
            ? Run(bytes.AsSpan(0, length), port, received)
            : new CodecRun(null, new Wording("is not hexadecimal text", "不是十六进制文字"));
        accepted = run.Rejected is null;
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            if (run.Rejected is not null)
            {
                json.WriteString("rejected", run.Rejected.En);
            }
            else
            {
                var into = new DecodedPayload();
                into.Reset("", received);
                run.Map(into, null);
                json.WritePropertyName("decoded");
                run.Decoded!.Value.WriteTo(json);
                json.WriteStartArray("normalized");
                if (run.Normalised is { ValueKind: JsonValueKind.Array } many)
                    foreach (var one in many.EnumerateArray())
                        one.WriteTo(json);
                else if (run.Normalised is { } single)
                    single.WriteTo(json);
                json.WriteEndArray();
                if (run.Warnings is { } warnings)
                {
                    json.WritePropertyName("warnings");
                    warnings.WriteTo(json);
                }

                DecodeOutput.WriteReadings(json, into);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}

/// <summary>What a decoder made of one uplink, or why it was rejected.</summary>
public sealed class CodecRun(JsonDocument? result, Wording? rejected) : IDisposable
{
    public Wording? Rejected { get; } = rejected;

    public JsonElement? Decoded => result?.RootElement.Field("decoded");

    public JsonElement? Normalised => result?.RootElement.Field("normalized");

    /// <summary>What the decoder remarked beside its values.</summary>
    public JsonElement? Warnings => result?.RootElement.Field("warnings");

    internal void Map(DecodedPayload into, DateTime? time)
    {
        if (Normalised is { } normalised)
            ObjectMapping.MapNormalised(normalised, into, time);
        if (Decoded is { } decoded)
            ObjectMapping.Map(decoded, into, time);
    }

    public void Dispose() => result?.Dispose();
}
