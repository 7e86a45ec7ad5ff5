namespace Vigil.Model;

/// <summary>Between two places, WGS-84 degrees → metres, by the haversine formula on a sphere of the mean radius (IUGG).</summary>
public static class Distance
{
    private const double EarthRadius = 6371008.8;

    public static double Metres(double latitude1, double longitude1, double latitude2, double longitude2)
    {
        const double Radian = Math.PI / 180;
        var a =
            Math.Pow(Math.Sin((latitude2 - latitude1) * Radian / 2), 2)
            + Math.Cos(latitude1 * Radian) * Math.Cos(latitude2 * Radian) * Math.Pow(Math.Sin((longitude2 - longitude1) * Radian / 2), 2);
        return 2 * EarthRadius * Math.Asin(Math.Sqrt(Math.Min(1, a)));
    }
}
