using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// The service's clock is set from one time to another, together with all deadlines in the records. A row with its key is committed in the
/// same transaction as the deadlines: whoever finds it knows that they were moved.
/// </summary>
internal sealed record ClockMove(Guid Id, DateTime From, TimeSpan By)
{
    public DateTime To => From + By;

    public string Key => $"clock|{Id}";

    /// <summary>Whether it was committed.</summary>
    public Task<bool> IsMadeAsync(RecordsDb db, CancellationToken cancellation) => db.Findings.AnyAsync(f => f.Key == Key, cancellation);

    /// <summary>What the duty desk is told.</summary>
    public (string En, string Zh) Words(TimeZoneInfo zone, string when = "", string whenZh = "")
    {
        var (en, zh) = Span(By.Duration());
        var (what, whatZh) = By > TimeSpan.Zero ? ("forward", "快") : ("back", "慢");
        return (
            $"the machine's clock was put {what}{when} by {en}, from {Local(zone, From)} to {Local(zone, To)}; what waits goes on "
                + $"waiting as long as before, silence of devices is judged again after {Housekeeping.CatchUp.TotalSeconds:0} s",
            $"本机时钟{whenZh}被调{whatZh}{zh}（{Local(zone, From)} → "
                + $"{Local(zone, To)}）；等待中的事项仍按原定时长等待，{Housekeeping.CatchUp.TotalSeconds:0}秒后恢复设备失联判断"
        );
    }

    public static string Local(TimeZoneInfo zone, DateTime utc) =>
        TimeZoneInfo.ConvertTimeFromUtc(utc, zone).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static (string En, string Zh) Span(TimeSpan span)
    {
        var parts = new[] { (span.Days, " d", "天"), (span.Hours, " h", "小时"), (span.Minutes, " min", "分"), (span.Seconds, " s", "秒") }
            .Where(p => p.Item1 != 0)
            .Take(2)
            .ToList();
        return (string.Join(" ", parts.Select(p => p.Item1 + p.Item2)), string.Concat(parts.Select(p => p.Item1 + p.Item3)));
    }
}
