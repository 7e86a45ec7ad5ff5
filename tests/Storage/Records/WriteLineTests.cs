using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Tests.Storage.Records;

/// <summary>
/// SQLite has one writer at a time. Whoever writes without a transaction waits in the same queue as the others, behind critical alarms, and
/// is not left to SQLite's own waiting.
/// </summary>
public sealed class WriteLineTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-line-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Writers => ["a change of rows", "a deletion of rows", "an entity"];

    [Theory]
    [MemberData(nameof(Writers))]
    public async Task Whoever_writes_without_a_transaction_waits_for_their_turn_behind_critical_alarms(string what)
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await using var busy = await records.CreateDbContextAsync(Stop);
        var writing = await WriteTurn.BeginAsync(busy, first: false, Stop);
        await using var db = await records.CreateDbContextAsync(Stop);
        // Left to SQLite, this would block until it fails as locked, because the writer before it continues only below.
        var plain = WriteAsync(db, what, Stop);
        await using var other = await records.CreateDbContextAsync(Stop);
        var critical = WriteTurn.BeginAsync(other, first: true, Stop);
        await writing.DisposeAsync();
        await using (await critical)
            Assert.False(plain.IsCompleted);
        await plain;
        Assert.Equal(what == "an entity", await db.Areas.AnyAsync(a => a.Code == "440114", Stop));
    }

    [Theory]
    [MemberData(nameof(Writers))]
    public async Task Whoever_gives_up_waiting_or_fails_stands_in_nobodys_way(string what)
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await using var busy = await records.CreateDbContextAsync(Stop);
        var writing = await WriteTurn.BeginAsync(busy, first: false, Stop);
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            using var impatient = new CancellationTokenSource();
            var plain = WriteAsync(db, what, impatient.Token);
            await impatient.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => plain);
        }

        await using var after = await records.CreateDbContextAsync(Stop);
        var next = WriteAsync(after, what, Stop);
        Assert.False(next.IsCompleted); // giving up did not let the next one in early
        await writing.DisposeAsync();
        await next;
        await after.Database.ExecuteSqlRawAsync("CREATE TRIGGER refuse BEFORE INSERT ON Areas BEGIN SELECT RAISE(ABORT, 'no'); END", Stop);
        await Assert.ThrowsAsync<DbUpdateException>(() => WriteAsync(after, "an entity", Stop, "440115"));
        await using var last = await records.CreateDbContextAsync(Stop);
        await using var turn = await WriteTurn.BeginAsync(last, first: false, Stop);
    }

    [Fact]
    public async Task However_many_go_first_whoever_can_wait_is_let_in_now_and_then()
    {
        var line = new WriteLine();
        await line.EnterAsync(goesFirst: true, Stop);
        var order = new List<string>();
        async Task StandAsync(string who)
        {
            await line.EnterAsync(goesFirst: who == "first", Stop);
            order.Add(who);
            line.Leave();
        }

        var waiting = Enumerable.Range(0, 2).Select(_ => StandAsync("other")).ToList();
        waiting.AddRange(Enumerable.Range(0, 3 * WriteLine.MostFirst).Select(_ => StandAsync("first")));
        line.Leave();
        await Task.WhenAll(waiting);
        Assert.Equal([WriteLine.MostFirst, 2 * WriteLine.MostFirst + 1], order.Index().Where(o => o.Item == "other").Select(o => o.Index));
    }

    private static Task WriteAsync(RecordsDb db, string what, CancellationToken cancellation, string code = "440114")
    {
        if (what == "a change of rows")
            return db.Areas.ExecuteUpdateAsync(u => u.SetProperty(a => a.Name, "云溪村"), cancellation);
        if (what == "a deletion of rows")
            return db.Areas.ExecuteDeleteAsync(cancellation);
        db.Areas.Add(new Area { Code = code, Name = "云溪村" });
        return db.SaveChangesAsync(cancellation);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
