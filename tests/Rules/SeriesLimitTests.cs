using Vigil.Model;

namespace Vigil.Tests.Rules;

public sealed class SeriesLimitTests
{
    [Fact]
    public void A_device_that_invents_channels_grows_no_home_without_end_and_a_press_on_any_of_them_is_heard()
    {
        var night = new HomeScenario();
        for (var n = 0; n < 20_000; n++)
        {
            night.Engine.Apply(
                night.Facts.Id,
                new Reading
                {
                    Device = new DeviceId("w"),
                    Metric = Metric.WaterVolume,
                    Channel = $"x{n}",
                    Time = HomeScenario.At(1),
                    Received = HomeScenario.At(1),
                    Value = n,
                },
                night.Findings
            );
        }

        using var state = new MemoryStream();
        night.Engine.Save(state);
        Assert.True(state.Length < 500_000, $"the state of one home takes {state.Length} bytes");
        night.Engine.Apply(
            night.Facts.Id,
            new Reading
            {
                Device = new DeviceId("b"),
                Metric = Metric.Button,
                Channel = "new",
                Time = HomeScenario.At(2),
                Received = HomeScenario.At(2),
                Value = 1,
                Event = "sos",
            },
            night.Findings
        );
        night.Only(AlarmKind.Sos);
    }
}
