using System.Globalization;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>SOS, fall and voice help (events); smoke, gas, leak and tamper (states). Neither absence nor outage holds them back.</summary>
public sealed partial class RuleEngine
{
    private void Event(ResidentState state, in Reading reading, List<Finding> into)
    {
        var kind = ReferenceEquals(reading.Metric, Metric.Button) ? AlarmKind.Sos : ReferenceEquals(reading.Metric, Metric.Fall) ? AlarmKind.Fall
            : ReferenceEquals(reading.Metric, Metric.VoiceHelp) ? AlarmKind.VoiceHelp : null;
        if (kind is null || !Enabled(state, kind, out var settings)) return;
        var word = reading.Event ?? "";
        if (ReferenceEquals(kind, AlarmKind.Sos) && !settings.Words.Contains(word)) return;
        // Every press is an episode of its own: the desk puts it beside an open alarm and tells people again. The same press sent twice has the same time.
        var episode = string.Create(CultureInfo.InvariantCulture, $"{kind.Name}/{reading.Device.Value}/{reading.Time:yyyy-MM-ddTHH:mm:ss.FFFFFFFZ}");
        var (text, zh) = kind.Name switch
        {
            "sos" => ($"SOS button pressed ({word})", $"按下呼叫按钮（{word}）"),
            "fall" => ("a fall was detected", "检测到跌倒"),
            _ => ("a call for help was heard", "听到呼救"),
        };
        var late = reading.Received - reading.Time;
        if (late > TimeSpan.FromMinutes(5) || reading.Has(ReadingFlags.History))
            (text, zh) = ($"{text} at {At(reading.Time)}, heard only {Ago(late)} later", $"{zh}，发生于{At(reading.Time)}，延迟收到");
        else (text, zh) = ($"{text} at {At(reading.Time)}", $"{zh} {At(reading.Time)}");
        into.Add(new Finding(state.Facts.Id.Value, kind, settings.Severity, FindingChange.Opened, episode, 0, reading.Time, text, zh, reading.Device, Notify: true));
    }

    private void State(ResidentState state, in Reading reading, List<Finding> into)
    {
        var metric = reading.Metric;
        var kind = ReferenceEquals(metric, Metric.Smoke) ? AlarmKind.Smoke : ReferenceEquals(metric, Metric.Gas) ? AlarmKind.Gas : ReferenceEquals(metric, Metric.WaterLeak) ? AlarmKind.WaterLeak
            : ReferenceEquals(metric, Metric.Tamper) ? AlarmKind.Tamper : ReferenceEquals(metric, Metric.BatteryLow) ? AlarmKind.BatteryLow : null;
        if (kind is null || !Enabled(state, kind, out _)) return;
        var key = $"{kind.Name}/{reading.Device.Value}" + (reading.Channel.Length > 0 ? "/" + reading.Channel : "");
        if (state.States.TryGetValue(key, out var last) && reading.Time <= last.Time) return;
        state.States[key] = (reading.Value, reading.Time);
        if (reading.Value != 0)
        {
            var (text, zh) = kind.Name switch
            {
                "smoke" => ("smoke", "烟雾"), "gas" => ("gas", "燃气"), "water-leak" => ("a water leak", "漏水"), "tamper" => ("tampering", "拆动"), _ => ("a low battery", "电量低"),
            };
            Open(state, kind, key, reading.Time, reading.Time, $"{reading.Device} reports {text} at {At(reading.Time)}", $"{reading.Device} {At(reading.Time)} 报告{zh}", reading.Device, into);
        }
        else
        {
            Clear(state, kind, key, reading.Time, $"{reading.Device} reports it is over at {At(reading.Time)}", $"{reading.Device} {At(reading.Time)} 报告解除", reading.Device, into);
        }
    }

    private static string Ago(TimeSpan time) => time.TotalHours >= 1 ? $"{time.TotalHours:0.#} h" : $"{time.TotalMinutes:0} min";
}
