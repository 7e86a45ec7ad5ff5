using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>The combined content of the sentences of one moment (the same time of day).</summary>
/// <remarks>
/// Accuracy without GST is HDOP × user range error: 5 m alone, 2 m differential, 0.5 m float and 0.05 m fixed RTK (GPS SPS performance
/// standard, order of magnitude). A time of day without a date is the latest such moment that is not after the arrival. Estimated, manual
/// and simulated positions (mode E, M, S; quality 6, 7, 8), positions of no satellite and those with an HDOP above 20 are flagged suspect:
/// no rule may act on them.
/// </remarks>
internal struct NmeaMoment
{
    private const double MostHdop = 20;

    public bool Understood;
    public bool NoFix;

    /// <summary>By dead reckoning, typed in or simulated: not measured with satellites.</summary>
    public bool Guessed;
    public TimeSpan? Time;
    public DateTime? Date;
    public double? Latitude;
    public double? Longitude;
    public double? Speed;
    public double? Course;
    public double? Altitude;
    public double? Geoid;
    public double? Quality;
    public double? Satellites;
    public double? Hdop;
    public double? Pdop;
    public double? Vdop;
    public double? Accuracy;

    /// <summary>A sentence of another time of day ends the moment before it; the date is carried on.</summary>
    public void Enter(TimeSpan? time, DecodedPayload into)
    {
        if (time is null || Time == time)
            return;
        if (Time is not null)
        {
            var next = new NmeaMoment { Understood = Understood, Date = Time < time ? Date : null };
            AddTo(into);
            this = next;
        }

        Time = time;
    }

    public void Place(double? latitude, double? longitude, bool valid, bool guessed)
    {
        if (!valid)
            NoFix = true;
        Guessed |= guessed;
        Latitude ??= latitude;
        Longitude ??= longitude;
    }

    /// <summary>Appends the readings of this moment.</summary>
    public readonly void AddTo(DecodedPayload into)
    {
        var time = When(into.Received);
        var flags = Guessed || Hdop > MostHdop || Satellites == 0 ? ReadingFlags.Suspect : ReadingFlags.None;
        if (!NoFix)
        {
            if (this is { Latitude: { } latitude, Longitude: { } longitude } && (latitude != 0 || longitude != 0))
                into.AddLocation(
                    latitude,
                    longitude,
                    time,
                    (float)(Accuracy ?? RangeError(Quality) * Hdop ?? double.NaN),
                    (float)(Speed ?? double.NaN),
                    flags
                );
            Say(Metric.LocationAltitude, Altitude);
            Say(Metric.LocationGeoid, Geoid);
            Say(Metric.LocationCourse, Course);
        }

        flags = ReadingFlags.None;
        Say(Metric.LocationQuality, Quality);
        Say(Metric.LocationSatellites, Satellites);
        Say(Metric.LocationHdop, Hdop);
        Say(Metric.LocationPdop, Pdop);
        Say(Metric.LocationVdop, Vdop);

        void Say(Metric metric, double? value)
        {
            if (value is { } v)
                into.Add(metric, v, time, flags: flags);
        }
    }

    private readonly DateTime? When(DateTime received)
    {
        if (Time is not { } time)
            return null;
        if (Date is { } date)
            return date + time;
        if (NoFix || received == default)
            return null; // the receiver's clock may not have been set yet
        var at = received.Date + time;
        return at > received + DecodedPayload.FutureTolerance && at > DateTime.MinValue.AddDays(1) ? at.AddDays(-1) : at;
    }

    private static double RangeError(double? quality) =>
        quality switch
        {
            2 => 2,
            4 => 0.05,
            5 => 0.5,
            _ => 5,
        };
}
