using CsCheck;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify;

public sealed class AlarmLifeTests
{
    /// <summary>Which state may follow which, and the events of the timeline of which one has to explain it.</summary>
    private static readonly Dictionary<(AlarmState From, AlarmState To), TimelineEvent[]> Allowed = new()
    {
        [(AlarmState.Open, AlarmState.Acknowledged)] = [TimelineEvent.Acknowledged],
        [(AlarmState.Open, AlarmState.InHand)] = [TimelineEvent.InHand],
        [(AlarmState.Open, AlarmState.Resolved)] = [TimelineEvent.Resolved, TimelineEvent.Cleared],
        [(AlarmState.Acknowledged, AlarmState.InHand)] = [TimelineEvent.InHand],
        [(AlarmState.Acknowledged, AlarmState.Resolved)] = [TimelineEvent.Resolved],
        [(AlarmState.InHand, AlarmState.Resolved)] = [TimelineEvent.Resolved],
        [(AlarmState.Acknowledged, AlarmState.Open)] = [TimelineEvent.Reopened],
        [(AlarmState.InHand, AlarmState.Open)] = [TimelineEvent.Reopened],
        [(AlarmState.Resolved, AlarmState.Open)] = [TimelineEvent.Reopened],
    };

    [Fact]
    public Task Whatever_people_rules_and_time_do_an_alarm_never_goes_back_without_a_line_that_says_why() =>
        Gen.Int[0, 7].Array[5, 25].SampleAsync(PlayAsync, iter: 12, threads: 4); // a failure prints its seed and the shortest script

    [Theory]
    [InlineData("in her sleep", "False: by mistake (in her sleep)", "误报：误触（in her sleep）")]
    [InlineData("", "False: by mistake", "误报：误触")]
    public async Task How_it_ended_is_written_down_in_words_in_both_languages(string note, string en, string zh)
    {
        await using var night = await Night.BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.Desk.ResolveAsync(alarm, "duty:d1", Resolution.FalseMistake, note, TestContext.Current.CancellationToken);
        var line = Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Resolved);
        Assert.Equal((en, zh), (line.Text, line.TextZh));
    }

    private static async Task PlayAsync(int[] script)
    {
        await using var night = await Night.BeginAsync();
        var told = string.Join(' ', script);
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        var (before, severity) = (await night.AlarmAsync(alarm), Severity.High);
        foreach (var act in script)
        {
            var conflicted = false;
            try
            {
                switch (act)
                {
                    case 0:
                        await night.Desk.AcknowledgeAsync(alarm, "contact:x", "", default);
                        break;
                    case 1:
                        await night.Desk.TakeInHandAsync(alarm, "visitor:v1", "", default);
                        break;
                    case 2:
                        await night.Desk.ResolveAsync(alarm, "duty:d1", Resolution.True, "", default);
                        break;
                    case 3:
                        await night.Desk.ReopenAsync(alarm, "duty:d1", "", default);
                        break;
                    case 4:
                        await night.Desk.CommitAsync(
                            [night.Says(AlarmKind.NoWater, FindingChange.Updated, severity: Severity.Critical)],
                            default
                        );
                        break;
                    case 5:
                        await night.Desk.CommitAsync(
                            [night.Says(AlarmKind.NoWater, FindingChange.Updated, severity: Severity.Warning)],
                            default
                        );
                        break;
                    case 6:
                        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, FindingChange.Cleared)], default);
                        break;
                    default:
                        await night.PassAsync(TimeSpan.FromMinutes(50));
                        break;
                }
            }
            catch (AlarmConflictException)
            {
                conflicted = true;
            }

            var after = await night.AlarmAsync(alarm);
            var said = after.Timeline.Where(t => before.Timeline.TrueForAll(b => b.Id != t.Id)).Select(t => t.What).ToList();
            if (conflicted)
                Assert.True(after.State == before.State && said.Count == 0, $"a refused change left a trace: {told}");
            if (after.State != before.State && act != 7)
                Assert.True(
                    Allowed.TryGetValue((before.State, after.State), out var words) && words.Any(said.Contains),
                    $"{before.State} → {after.State} with {string.Join(',', said)}: {told}"
                );
            if (act == 7 && after.State != before.State)
                Assert.Contains(TimelineEvent.Reopened, said);
            Assert.True(after.Severity >= severity, $"severity fell: {told}");
            Assert.True(
                after.State != AlarmState.Resolved || after.Steps.TrueForAll(s => s.State != StepState.Waiting || s.To == "told"),
                $"a step waits on a resolved alarm: {told}"
            );
            Assert.True(
                after.State != AlarmState.Open || after.Steps.Exists(s => s.State == StepState.Waiting),
                $"an open alarm that nobody will hear of: {told}"
            );
            Assert.True(
                before.Timeline.TrueForAll(b => after.Timeline.Exists(t => t.Id == b.Id && t.Text == b.Text)),
                $"the timeline was rewritten: {told}"
            );
            (before, severity) = (after, after.Severity);
        }

        await using var db = await night.Records.CreateDbContextAsync();
        Assert.Equal(1, await db.Alarms.CountAsync());
    }
}
