using Vigil.Model;

namespace Vigil.Rules;

/// <summary>device-silent, device-never-seen, clock-wrong: about devices, by the time of arrival and from the registry on (invariant 3).</summary>
public sealed partial class RuleEngine
{
    private void Heard(ResidentState state, in Reading reading, List<Finding> into)
    {
        var id = reading.Device.Value;
        if (!state.Devices.TryGetValue(id, out var device)) state.Devices[id] = device = new DeviceState();
        if (reading.Has(ReadingFlags.Retained)) return; // the broker spoke, not the device
        var first = device.FirstReceived is null;
        device.FirstReceived ??= reading.Received;
        if (device.LastReceived is null || reading.Received > device.LastReceived) device.LastReceived = reading.Received;
        if (first && state.Facts.Devices.FirstOrDefault(d => d.Id.Value == id) is { } facts && DueOf(state, facts) is { } due) deadlines.Enqueue((state.Facts.Id.Value, id), due);
        Clear(state, AlarmKind.DeviceNeverSeen, $"device-never-seen/{id}", reading.Received, $"{id} reported for the first time at {At(reading.Received)}", $"{id} 于{At(reading.Received)}首次上线", reading.Device, into);
        Clear(state, AlarmKind.DeviceSilent, $"device-silent/{id}", reading.Received, $"{id} reports again since {At(reading.Received)}", $"{id} 于{At(reading.Received)}恢复上报", reading.Device, into);

        if (!Enabled(state, AlarmKind.ClockWrong, out _)) return;
        if (!reading.Has(ReadingFlags.ClockWrong))
        {
            if (!reading.Has(ReadingFlags.ArrivalTime)) Clear(state, AlarmKind.ClockWrong, $"clock-wrong/{id}", reading.Received, $"{id} has the right time again", $"{id} 时钟已恢复", reading.Device, into);
            if (!reading.Has(ReadingFlags.ArrivalTime)) device.WrongClocks = 0;
        }
        else if (++device.WrongClocks == 3)
        {
            Open(state, AlarmKind.ClockWrong, $"clock-wrong/{id}", reading.Received, reading.Received, $"{id} sent impossible times three times in a row; the arrival is taken", $"{id} 连续三次上报错误时间", reading.Device, into);
        }
    }

    /// <summary>When this device has to have been heard; null when nothing is known of how often it reports and it has been heard.</summary>
    private static DateTime? DueOf(ResidentState state, DeviceFacts device)
    {
        var known = state.Devices.GetValueOrDefault(device.Id.Value);
        if (known?.LastReceived is not { } last)
            return Enabled(state, AlarmKind.DeviceNeverSeen, out var never) && !state.Open.ContainsKey($"device-never-seen/{device.Id}") ? device.InstalledAt + never.Window : null;
        if (device.ReportEvery is not { } every || !Enabled(state, AlarmKind.DeviceSilent, out var silent)) return null;
        var allowed = every * silent.Missed > TimeSpan.FromHours(1) ? every * silent.Missed : TimeSpan.FromHours(1);
        if (!state.Open.TryGetValue($"device-silent/{device.Id}", out var open)) return last + allowed;
        return open.Severity < Severity.High ? last + allowed + silent.WelfareAfter : null;
    }

    /// <summary>What is due has not come. Returns when to look again.</summary>
    private DateTime? Overdue(ResidentState state, DeviceFacts device, DateTime due, List<Finding> into)
    {
        var known = state.Devices.GetValueOrDefault(device.Id.Value);
        if (known?.LastReceived is not { } last)
        {
            Open(state, AlarmKind.DeviceNeverSeen, $"device-never-seen/{device.Id}", device.InstalledAt, due, $"{device.Id} was installed {At(device.InstalledAt)} and never reported", $"{device.Id} 于{At(device.InstalledAt)}安装后从未上线", device.Id, into);
            return null;
        }

        var key = $"device-silent/{device.Id}";
        if (!state.Open.ContainsKey(key))
        {
            Open(state, AlarmKind.DeviceSilent, key, last, due, $"nothing arrived from {device.Id} since {At(last)}; it reports every {Ago(device.ReportEvery!.Value)}", $"{device.Id} 自{At(last)}起无数据", device.Id, into);
            return DueOf(state, device);
        }

        // A silent meter is not a silent person; but when it lasts, nobody knows, and somebody has to look.
        Update(state, AlarmKind.DeviceSilent, key, Severity.High, due, $"nothing arrived from {device.Id} since {At(last)}: nobody knows how the resident is, please check", $"{device.Id} 自{At(last)}起无数据，情况不明，请上门或电话查看", device.Id, into);
        return null;
    }
}
