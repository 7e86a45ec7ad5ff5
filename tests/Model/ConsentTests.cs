using Vigil.Model;

namespace Vigil.Tests.Model;

/// <summary>What each metric and each alarm is about, said one by one: a new one has to be decided on.</summary>
public sealed class ConsentTests
{
    [Fact]
    public void Each_metric_is_of_a_class_and_what_is_of_the_body_or_of_places_says_so()
    {
        Assert.Equal(
            "blood.glucose blood.oxygen blood.pressure.diastolic blood.pressure.systolic body.temperature body.weight heart.rate "
                + "respiration.rate steps worn",
            Of(DataClass.Health)
        );
        Assert.Equal(
            "location location.altitude location.course location.geoid location.hdop location.pdop location.quality location.satellites "
                + "location.satellites.view location.vdop vehicle.fuel vehicle.ignition vehicle.mileage vehicle.speed",
            Of(DataClass.Whereabouts)
        );
        Assert.Equal("button button.held device.alarm fall gas smoke voice.help", Of(DataClass.Presses));
        Assert.Equal(
            "battery.level battery.low battery.voltage device.hours device.temperature fault online signal.rssi signal.snr signal.strength "
                + "tamper",
            Of(DataClass.Device)
        );
    }

    [Fact]
    public void Without_remote_monitoring_only_calls_smoke_and_gas_are_taken_and_what_a_device_says_of_itself()
    {
        Assert.Equal(
            "button button.held gas smoke voice.help",
            string.Join(
                ' ',
                Metric
                    .All.Where(m => m.EndedBy == Refusals.None && m.Class != DataClass.Device)
                    .Select(m => m.Name)
                    .Order(StringComparer.Ordinal)
            )
        );
        Assert.Equal(
            "battery-low clock-wrong device-never-seen device-silent gas outage service-trouble smoke sos tamper voice-help",
            string.Join(
                ' ',
                AlarmKind.All.Where(k => Consents.Ending(k) == Refusals.None).Select(k => k.Name).Order(StringComparer.Ordinal)
            )
        );
    }

    private static string Of(DataClass data) =>
        string.Join(' ', Metric.All.Where(m => m.Class == data).Select(m => m.Name).Order(StringComparer.Ordinal));
}
