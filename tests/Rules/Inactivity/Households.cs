using System.Globalization;
using System.IO.Compression;
using Vigil.Rules.Inactivity;

namespace Vigil.Tests.Rules.Inactivity;

/// <summary>Extracts of real homes (tests/data/households/README.md), and an invented one whose every day is known.</summary>
internal static class Households
{
    public static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    public readonly record struct Interval(DateTime From, DateTime To, double Use);

    /// <summary>Local times of the file are taken as local times in Shanghai. Use is in m³ or kWh.</summary>
    public static List<Interval> Real(string file, string home)
    {
        var intervals = new List<Interval>();
        using var lines = new StreamReader(
            new GZipStream(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "data", "households", file)), CompressionMode.Decompress)
        );
        var columns = lines.ReadLine()!.Split(',');
        int value = Array.IndexOf(columns, "value"),
            time = Array.IndexOf(columns, "timestamp"),
            start = Array.IndexOf(columns, "start"),
            minutes = Array.IndexOf(columns, "interval_minutes");
        while (lines.ReadLine() is { } line)
        {
            var cells = line.Split(',');
            if (cells[0] != home)
                continue;
            var use = double.Parse(cells[value], CultureInfo.InvariantCulture) * (start < 0 ? 1 : 0.001);
            var at = Utc(cells[time]);
            intervals.Add(
                start < 0
                    ? new(at, at.AddMinutes(double.Parse(cells[minutes], CultureInfo.InvariantCulture)), use)
                    : new(Utc(cells[start]), at, use)
            );
        }

        intervals.Sort((a, b) => a.To.CompareTo(b.To));
        return intervals;
    }

    /// <summary>
    /// Water at seven, nine, noon, three, seven and half past nine in the evening, Shanghai time, each up to half an hour off; one interval
    /// per half hour.
    /// </summary>
    public static IEnumerable<Interval> Regular(DateTime firstDay, int days, int hoursLater = 0)
    {
        for (var i = 0; i < days * 48; i++)
        {
            var to = firstDay.AddMinutes(30 * (i + 1));
            var slot = i % 48;
            var shift = i / 48 % 2;
            var later = hoursLater * 2;
            var alive =
                slot == 14 + later + shift
                || slot == 18 + later
                || slot == 24 + later
                || slot == 30 + later
                || slot == 38 + later - shift
                || slot == (43 + later) % 48;
            yield return new(to.AddMinutes(-30), to, alive ? 0.012 : 0);
        }
    }

    public static void Feed(this LifePattern pattern, IEnumerable<Interval> intervals, Action? each = null)
    {
        foreach (var i in intervals)
        {
            pattern.Observe(i.From, i.To, i.Use, Shanghai);
            each?.Invoke();
        }
    }

    private static DateTime Utc(string local) =>
        DateTime
            .SpecifyKind(DateTime.ParseExact(local[..19], "yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture), DateTimeKind.Utc)
            .AddHours(-8);
}
