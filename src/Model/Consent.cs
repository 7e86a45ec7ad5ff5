namespace Vigil.Model;

/// <summary>What is done with a person's data; each is agreed to, or not, by itself.</summary>
public enum Purpose
{
    /// <summary>Being visited (接受探访关爱服务).</summary>
    Visits,

    /// <summary>Remote monitoring: whatever watches, be it a meter, a sensor or a watch.</summary>
    Monitoring,

    /// <summary>Contacts may see daily life: digest, today's use, what is said of it in a reason.</summary>
    DailyLife,

    /// <summary>Where the person is.</summary>
    Location,

    /// <summary>Vital signs and other measurements of the body.</summary>
    Health,
}

/// <summary>What a resident has refused or withdrawn, as far as it decides what is taken of a reading.</summary>
[Flags]
public enum Refusals : byte
{
    None = 0,
    Monitoring = 1,
    Location = 2,
    Health = 4,
}

/// <summary>What a reading says of a person: what is kept for how long, and what may be taken, depends on it.</summary>
public enum DataClass
{
    /// <summary>Use of the home: water, electricity, movement, doors, bed, climate.</summary>
    Use,

    /// <summary>Of the body.</summary>
    Health,

    /// <summary>Where the person is.</summary>
    Whereabouts,

    /// <summary>What opens an alarm by itself: presses, falls, calls for help, smoke, gas.</summary>
    Presses,

    /// <summary>Of the device alone: battery, signal, tampering.</summary>
    Device,
}

/// <summary>What a refusal means for metrics and alarms.</summary>
/// <remarks>
/// Under a refusal of monitoring only what the person does to call stays (a press, a spoken call), and smoke and gas, which watch the air
/// and not the person and protect the neighbours too. A fall is found by watching, so it ends as well.
/// </remarks>
public static class Consents
{
    public static DataClass ClassOf(string metric) =>
        metric switch
        {
            "button" or "button.held" or "fall" or "voice.help" or "smoke" or "gas" or "device.alarm" => DataClass.Presses,
            "steps" or "worn" => DataClass.Health,
            "device.hours" or "device.temperature" or "tamper" or "online" or "fault" => DataClass.Device,
            _ => metric.Split('.')[0] switch
            {
                "heart" or "respiration" or "blood" or "body" => DataClass.Health,
                "location" or "vehicle" => DataClass.Whereabouts,
                "battery" or "signal" => DataClass.Device,
                _ => DataClass.Use,
            },
        };

    /// <summary>Any of these, and the metric is neither stored nor judged.</summary>
    public static Refusals EndingMetric(string metric) =>
        ClassOf(metric) switch
        {
            DataClass.Health => Refusals.Monitoring | Refusals.Health,
            DataClass.Whereabouts => Refusals.Monitoring | Refusals.Location,
            DataClass.Use => Refusals.Monitoring,
            DataClass.Presses when metric is "fall" or "device.alarm" => Refusals.Monitoring,
            _ => Refusals.None,
        };

    /// <summary>Any of these, and the alarm is not raised.</summary>
    public static Refusals Ending(AlarmKind kind) =>
        kind.Name switch
        {
            "sos" or "voice-help" or "smoke" or "gas" => Refusals.None,
            "battery-low" or "tamper" or "clock-wrong" or "device-silent" or "device-never-seen" => Refusals.None,
            "outage" or "service-trouble" => Refusals.None,
            "wandering" => Refusals.Monitoring | Refusals.Location,
            "vital-sign" => Refusals.Monitoring | Refusals.Health,
            _ => Refusals.Monitoring,
        };

    /// <summary>Why an alarm of this kind ends.</summary>
    public static Wording WhyEnded(AlarmKind kind, Refusals refused) =>
        (Ending(kind) & refused) switch
        {
            var r when r == Refusals.None || r.HasFlag(Refusals.Monitoring) => new Wording(
                "ended: no consent to remote monitoring any more",
                "已终止：老人（或其监护人）不同意继续远程监测"
            ),
            Refusals.Location => new Wording(
                "ended: no consent to being located any more",
                "已终止：老人（或其监护人）不同意继续使用位置信息"
            ),
            _ => new Wording("ended: no consent to health readings any more", "已终止：老人（或其监护人）不同意继续使用健康数据"),
        };
}
