namespace Vigil.Model;

/// <summary>
/// The coordinate system of a position. Satellites and BeiDou terminals give WGS-84; devices that ask Amap (Gaode) or Tencent give GCJ-02,
/// those that ask Baidu BD-09. They differ by up to 700 m in mainland China: taken for each other, a person at home would seem outside the
/// home zone. Converted once, at decode.
/// </summary>
public enum Datum
{
    Wgs84,
    Gcj02,
    Bd09,
}

/// <summary>Conversions between the datums. Outside the rectangle around China all three are taken as the same.</summary>
public static class DatumConversion
{
    // The ellipsoid of Krasovsky 1940, which GCJ-02 is defined on.
    private const double SemiMajorAxis = 6_378_245.0;
    private const double EccentricitySquared = 0.006_693_421_622_965_943;
    private const double BaiduPi = Math.PI * 3000 / 180;
    private const int Iterations = 12;

    /// <summary>Position in WGS-84. Within a centimetre of the exact inverse.</summary>
    public static (double Latitude, double Longitude) ToWgs84(this Datum datum, double latitude, double longitude)
    {
        if (datum == Datum.Wgs84 || !IsOffset(latitude, longitude))
            return (latitude, longitude);
        if (datum == Datum.Bd09)
            (latitude, longitude) = Invert(BaiduFromGcj02, latitude, longitude);
        return Invert(Gcj02FromWgs84, latitude, longitude);
    }

    /// <summary>A WGS-84 position in this datum, as a map of that provider needs it.</summary>
    public static (double Latitude, double Longitude) FromWgs84(this Datum datum, double latitude, double longitude)
    {
        if (datum == Datum.Wgs84 || !IsOffset(latitude, longitude))
            return (latitude, longitude);
        var shifted = Gcj02FromWgs84(latitude, longitude);
        return datum == Datum.Bd09 ? BaiduFromGcj02(shifted.Latitude, shifted.Longitude) : shifted;
    }

    /// <summary>Whether a position lies where the datums differ.</summary>
    public static bool IsOffset(double latitude, double longitude) =>
        latitude is >= 0.8293 and <= 55.8271 && longitude is >= 72.004 and <= 137.8347;

    /// <summary>
    /// Fixed-point iteration: the offset changes so slowly that subtracting it at the last guess converges in a few rounds.
    /// </summary>
    private static (double Latitude, double Longitude) Invert(
        Func<double, double, (double Latitude, double Longitude)> forward,
        double latitude,
        double longitude
    )
    {
        double lat = latitude,
            lon = longitude;
        for (var i = 0; i < Iterations; i++)
        {
            var there = forward(lat, lon);
            double dLat = there.Latitude - latitude,
                dLon = there.Longitude - longitude;
            lat -= dLat;
            lon -= dLon;
            if (Math.Abs(dLat) < 1e-10 && Math.Abs(dLon) < 1e-10)
                break;
        }

        return (lat, lon);
    }

    private static (double Latitude, double Longitude) Gcj02FromWgs84(double latitude, double longitude)
    {
        double x = longitude - 105,
            y = latitude - 35;
        var common = 20 * Math.Sin(6 * x * Math.PI) + 20 * Math.Sin(2 * x * Math.PI);
        var north =
            -100
            + 2 * x
            + 3 * y
            + 0.2 * y * y
            + 0.1 * x * y
            + 0.2 * Math.Sqrt(Math.Abs(x))
            + (
                common
                + 20 * Math.Sin(y * Math.PI)
                + 40 * Math.Sin(y / 3 * Math.PI)
                + 160 * Math.Sin(y / 12 * Math.PI)
                + 320 * Math.Sin(y / 30 * Math.PI)
            )
                * 2
                / 3;
        var east =
            300
            + x
            + 2 * y
            + 0.1 * x * x
            + 0.1 * x * y
            + 0.1 * Math.Sqrt(Math.Abs(x))
            + (
                common
                + 20 * Math.Sin(x * Math.PI)
                + 40 * Math.Sin(x / 3 * Math.PI)
                + 150 * Math.Sin(x / 12 * Math.PI)
                + 300 * Math.Sin(x / 30 * Math.PI)
            )
                * 2
                / 3;
        var sine = Math.Sin(latitude * Math.PI / 180);
        var w = 1 - EccentricitySquared * sine * sine;
        var meridian = SemiMajorAxis * (1 - EccentricitySquared) / (w * Math.Sqrt(w));
        var parallel = SemiMajorAxis / Math.Sqrt(w) * Math.Cos(latitude * Math.PI / 180);
        return (latitude + north * 180 / (meridian * Math.PI), longitude + east * 180 / (parallel * Math.PI));
    }

    private static (double Latitude, double Longitude) BaiduFromGcj02(double latitude, double longitude)
    {
        var radius = Math.Sqrt(longitude * longitude + latitude * latitude) + 0.00002 * Math.Sin(latitude * BaiduPi);
        var angle = Math.Atan2(latitude, longitude) + 0.000003 * Math.Cos(longitude * BaiduPi);
        return (radius * Math.Sin(angle) + 0.006, radius * Math.Cos(angle) + 0.0065);
    }
}
