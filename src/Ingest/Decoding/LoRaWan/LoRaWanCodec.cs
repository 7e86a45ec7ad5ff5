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
/// <c>Decode</c>. The script is parsed once; every payload gets an engine of its own, so that nothing a payload left behind (a changed
/// prototype) reaches the next. A script that takes too much time, depth or memory is stopped with a reason. It runs on a thread of its own
/// with a large stack. May be called from many threads.
/// </summary>
public sealed class LoRaWanCodec
{
    private static readonly TimeSpan MaxTime = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Jint's own functions recurse on the native stack (a chain of prototypes, nested lists joined to text): it has to hold the deepest
    // structure that the limits of memory and statements let a script build.
    private const int Stack = 256 << 20;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Prepared<Acornima.Ast.Script> script;
    private volatile Thread? abandoned;

    private LoRaWanCodec(Prepared<Acornima.Ast.Script> script, string model)
    {
        this.script = script;
        Model = model;
    }

    /// <summary>The model by the name of the file (<c>tbdw100.js</c>, <c>sign-codec.js</c>); empty where it has none.</summary>
    public string Model { get; }

    /// <exception cref="IOException">The file can't be read.</exception>
    /// <exception cref="FormatException">The file is not JavaScript.</exception>
    public static LoRaWanCodec Load(string file) =>
        Parse(File.ReadAllText(file), Path.GetFileNameWithoutExtension(file).Replace("-codec", "", StringComparison.Ordinal));

    /// <exception cref="FormatException">The text is not JavaScript.</exception>
    public static LoRaWanCodec Parse(string source, string model = "")
    {
        try
        {
            return new LoRaWanCodec(Engine.PrepareScript(source), model);
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
        // A single native call (joining a list nested a hundred thousand deep) can outlast every limit. Its thread is abandoned, and this
        // decoder runs nothing more until it ends.
        if (abandoned is { IsAlive: true })
            return new CodecRun(
                null,
                new Wording("the decoder has not ended with an earlier uplink yet", "解码脚本还没有处理完上一条上行数据")
            );
        CodecRun? run = null;
        var own = new Thread(() => run = Run(input), Stack) { IsBackground = true, Name = "codec" };
        own.Start();
        if (own.Join(Patience))
            return run!;
        abandoned = own;
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
            engine.Execute(CodecScripts.Surroundings);
            engine.Execute(CodecScripts.Guard);
            engine.SetValue("__vigil_input", input);
            engine.Execute(script);
            var text = engine.Evaluate(CodecScripts.Driver).ToString();
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
                run.Map(into, Model, null);
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
