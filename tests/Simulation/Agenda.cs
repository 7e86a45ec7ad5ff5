using Microsoft.Data.Sqlite;
using Vigil.Notify.Escalation;

namespace Vigil.Tests.Simulation;

/// <summary>A row of the table of alarms.</summary>
internal sealed record AlarmRow(
    Guid Id,
    string Subject,
    string Kind,
    int Severity,
    int State,
    DateTime? SeenWellBy,
    string? AcknowledgedBy,
    string Episode,
    string? Device,
    DateTime RaisedAt,
    int Version
);

/// <summary>A row that is due at some time: a step, a notice, or the promise to look after somebody.</summary>
/// <param name="Critical">Whether the alarm is critical, so that the lane of critical alarms handles it.</param>
internal sealed record DueRow(Guid Id, Guid Alarm, string What, DateTime DueAt, bool Critical);

/// <summary>
/// The committed rows, read over a connection of its own and only when something was committed. From them the simulation knows when a loop
/// of the service would find something to do.
/// </summary>
internal sealed class Agenda : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly SimulatedClock clock;
    private readonly SqliteCommand changed;
    private readonly Dictionary<string, SqliteCommand> commands = [];
    private long version = -1;

    public Agenda(string connectionString, SimulatedClock clock)
    {
        this.clock = clock;
        connection = new SqliteConnection(connectionString);
        connection.Open();
        changed = Command("PRAGMA data_version");
    }

    public List<AlarmRow> Alarms { get; } = [];

    public List<DueRow> Waiting { get; } = [];

    public List<DueRow> Underway { get; } = [];

    public List<DueRow> Promised { get; } = [];

    public bool StepsWait => Waiting.Exists(s => s.Critical);

    /// <summary>How often the rows have been read again.</summary>
    public long Revision { get; private set; }

    /// <summary>Reads the committed rows again, if anything was committed since.</summary>
    public void Refresh()
    {
        var now = (long)changed.ExecuteScalar()!;
        if (now == version)
            return;
        version = now;
        Revision++;
        Alarms.Clear();
        using (
            var reader = Query(
                "SELECT Id, Subject, Kind, Severity, State, SeenWellBy, AcknowledgedBy, Episode, DeviceId, RaisedAt, Version FROM "
                    + "Alarms ORDER BY Id"
            )
        )
            while (reader.Read())
                Alarms.Add(
                    new AlarmRow(
                        reader.GetGuid(0),
                        reader.GetString(1),
                        reader.GetString(2),
                        reader.GetInt32(3),
                        reader.GetInt32(4),
                        reader.IsDBNull(5) ? null : reader.GetDateTime(5),
                        reader.IsDBNull(6) ? null : reader.GetString(6),
                        reader.GetString(7),
                        reader.IsDBNull(8) ? null : reader.GetString(8),
                        reader.GetDateTime(9),
                        reader.GetInt32(10)
                    )
                );
        Read(
            Waiting,
            """
            SELECT s.Id, s.AlarmId, s."To", s.DueAt, a.Severity FROM Steps s JOIN Alarms a ON a.Id = s.AlarmId
            WHERE s.State = 0 AND (a.State = 0 OR s."To" = 'told' OR (s."To" = 'again' AND a.State <> 3)) ORDER BY s.Id
            """
        );
        Read(
            Underway,
            "SELECT n.Id, n.AlarmId, n.Channel, n.DueAt, a.Severity FROM Notices n JOIN Alarms a ON a.Id = n.AlarmId WHERE n.State "
                + "IN (0, 1, 5) ORDER BY n.Id"
        );
        Promised.Clear();
        foreach (var a in Alarms)
            if (a is { State: 1 or 2, SeenWellBy: { } by })
                Promised.Add(new DueRow(a.Id, a.Id, "seen well by", by, a.Severity == 3));
    }

    /// <summary>When the escalator next finds something to do in a lane, by the monotonic clock.</summary>
    public TimeSpan Steps(Lane lane, DateTime now) =>
        Earliest(Waiting, lane, now) is var a && Earliest(Promised, lane, now) is var b && a < b ? a : b;

    public TimeSpan Notices(Lane lane, DateTime now) => Earliest(Underway, lane, now);

    /// <summary>The number that a query returns.</summary>
    public long Count(string sql, params (string Name, object Value)[] parameters)
    {
        var command = Command(sql, parameters);
        return Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
    }

    public SqliteDataReader Query(string sql) => Command(sql).ExecuteReader();

    /// <summary>A prepared command; it is kept, because the same queries run after every step.</summary>
    public SqliteCommand Command(string sql, params (string Name, object Value)[] parameters)
    {
        if (!commands.TryGetValue(sql, out var command))
        {
            command = commands[sql] = connection.CreateCommand();
            command.CommandText = sql;
        }

        command.Parameters.Clear();
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        return command;
    }

    public void Dispose()
    {
        foreach (var command in commands.Values)
            command.Dispose();
        connection.Dispose();
    }

    private TimeSpan Earliest(List<DueRow> rows, Lane lane, DateTime now)
    {
        DateTime? first = null;
        foreach (var row in rows)
            if (row.Critical == (lane == Lane.Critical) && (first is null || row.DueAt < first))
                first = row.DueAt;
        return first is { } due ? clock.Elapsed + (due - now) : TimeSpan.MaxValue;
    }

    private void Read(List<DueRow> into, string sql)
    {
        into.Clear();
        using var reader = Query(sql);
        while (reader.Read())
            into.Add(new DueRow(reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetDateTime(3), reader.GetInt32(4) == 3));
    }
}
