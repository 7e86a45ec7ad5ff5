using System.Diagnostics.Metrics;
using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>Logins that failed, counted for the metrics; many in a short time are a trouble of the service.</summary>
internal sealed class LoginCounts(Meter meter)
{
    /// <summary>From so many per period on they are reported.</summary>
    private const int ManyFrom = 50;

    private readonly Counter<long> refusedLogins = meter.CreateCounter<long>(
            "vigil_logins_refused",
            description: "MQTT logins with a wrong name or password"
        ),
        displacedSockets = meter.CreateCounter<long>(
            "vigil_logins_displaced",
            description: "MQTT sockets that did not log in and gave way to others"
        ),
        busyLogins = meter.CreateCounter<long>(
            "vigil_logins_busy",
            description: "MQTT logins put off: too many at once, or after wrong passwords"
        );
    private long refused,
        displaced,
        busy;

    /// <summary>A wrong user name or password.</summary>
    public void Refused() => Count(ref refused, refusedLogins);

    /// <summary>A socket that had not logged in was closed in favour of another.</summary>
    public void Displaced() => Count(ref displaced, displacedSockets);

    /// <summary>Too many logins at once: the client is to try again.</summary>
    public void PutOff() => Count(ref busy, busyLogins);

    /// <summary>Reports what was counted since the last report, and begins again.</summary>
    public void Report(Troubles troubles, TimeSpan period)
    {
        var (wrong, gaveWay, putOff) = (
            Interlocked.Exchange(ref refused, 0),
            Interlocked.Exchange(ref displaced, 0),
            Interlocked.Exchange(ref busy, 0)
        );
        if (wrong + gaveWay + putOff < ManyFrom)
            troubles.Over("logins");
        else
            troubles.Say(
                "logins",
                $"logins at the MQTT broker come to nothing: {wrong} wrong passwords, {gaveWay} sockets that never logged "
                    + $"in, {putOff} put off, within {period.TotalSeconds:0} s",
                $"MQTT 登录异常：{period.TotalSeconds:0}秒内密码错误{wrong}次、未登录的连接{gaveWay}个、暂缓{putOff}次"
            );
    }

    private static void Count(ref long since, Counter<long> total)
    {
        Interlocked.Increment(ref since);
        total.Add(1);
    }
}
