using System.Text.Json;
using CsCheck;
using Vigil.Model;
using Vigil.Tests.Ingest.Decoding;

namespace Vigil.Tests.Model;

public sealed class DatumTests
{
    public static TheoryData<string> All => Vector.Ids("coord_transform");

    [Theory, MemberData(nameof(All))]
    public void A_reference_pair_comes_out_within_half_a_metre(string id)
    {
        var v = Vector.Find("coord_transform", id);
        using var from = JsonDocument.Parse(v.Payload);
        double latitude = from.RootElement.GetProperty("lat").GetDouble(),
            longitude = from.RootElement.GetProperty("lng").GetDouble();
        var (lat, lon) = v.Format switch
        {
            "coord-wgs84-gcj02" => Datum.Gcj02.FromWgs84(latitude, longitude),
            "coord-gcj02-wgs84" => Datum.Gcj02.ToWgs84(latitude, longitude),
            "coord-wgs84-bd09" => Datum.Bd09.FromWgs84(latitude, longitude),
            "coord-bd09-wgs84" => Datum.Bd09.ToWgs84(latitude, longitude),
            _ => throw new InvalidOperationException(v.Format),
        };
        Assert.True(Metres(lat, lon, v.Number("lat")!.Value, v.Number("lng")!.Value) < 0.5, $"{lat}, {lon}");
    }

    [Fact]
    public void There_and_back_is_the_same_place_to_a_centimetre() =>
        Gen.Select(Gen.Double[18, 53], Gen.Double[74, 134], Gen.OneOf(Gen.Const(Datum.Gcj02), Gen.Const(Datum.Bd09)))
            .Sample(
                (latitude, longitude, datum) =>
                {
                    var (lat, lon) = datum.FromWgs84(latitude, longitude);
                    // mostly hundreds of metres, but at some places only twenty (37.0, 96.638)
                    Assert.InRange(Metres(lat, lon, latitude, longitude), 0.1, 2_000);
                    var back = datum.ToWgs84(lat, lon);
                    Assert.True(Metres(back.Latitude, back.Longitude, latitude, longitude) < 0.01, $"{latitude}, {longitude} {datum}");
                }
            );

    [Theory]
    [InlineData(48.8584, 2.2945)]
    [InlineData(-33.8568, 151.2153)]
    [InlineData(37.8199, -122.4783)]
    public void Far_from_China_nothing_moves(double latitude, double longitude)
    {
        Assert.Equal((latitude, longitude), Datum.Gcj02.FromWgs84(latitude, longitude));
        Assert.Equal((latitude, longitude), Datum.Bd09.ToWgs84(latitude, longitude));
    }

    [Fact]
    public void Baidu_in_Beijing_is_where_the_published_example_says()
    {
        // wandergis/coordtransform (MIT), README: GCJ-02 116.404, 39.915 is BD-09 116.41036949371029, 39.92133699351021.
        var wgs84 = Datum.Gcj02.ToWgs84(39.915, 116.404);
        var (lat, lon) = Datum.Bd09.FromWgs84(wgs84.Latitude, wgs84.Longitude);
        Assert.True(Metres(lat, lon, 39.92133699351021, 116.41036949371029) < 0.1, $"{lat}, {lon}");
    }

    private static double Metres(double latA, double lonA, double latB, double lonB) =>
        Math.Sqrt(Math.Pow((latA - latB) * 111_320, 2) + Math.Pow((lonA - lonB) * 111_320 * Math.Cos(latA * Math.PI / 180), 2));
}
