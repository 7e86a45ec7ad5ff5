using Vigil.Ingest.Decoding;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>Limits that hold for what every decoder hands on, whatever a device sends.</summary>
public sealed class DecodedPayloadTests
{
    [Fact]
    public void A_speed_or_accuracy_that_no_number_can_hold_is_unknown_and_the_position_stands()
    {
        var payload = new DecodedPayload();
        payload.Reset("watch-1", new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc));
        payload.AddLocation(23.1, 113.3, accuracy: float.PositiveInfinity, speed: (float)1e300);
        var reading = Assert.Single(payload.Readings);
        Assert.Equal((23.1, 113.3, float.NaN, float.NaN), (reading.Value, reading.Longitude, reading.Accuracy, reading.Speed));
    }
}
