using System.Globalization;
using Vigil.Host;

namespace Vigil.Tests.Host;

public sealed class IdTableTests
{
    private sealed record Thing(string Id, int Version);

    private readonly IdTable<Thing> table = new(t => t.Id);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void It_holds_what_a_dictionary_holds(int seed)
    {
        var random = new Random(seed);
        var model = new Dictionary<string, Thing>(StringComparer.Ordinal);
        for (var i = 0; i < 20_000; i++)
        {
            var id = random.Next(600).ToString(CultureInfo.InvariantCulture);
            if (random.Next(5) < 2)
            {
                Assert.Equal(model.GetValueOrDefault(id), table.Remove(id));
                model.Remove(id);
            }
            else
            {
                table.Put(model[id] = new Thing(id, i));
            }

            Assert.Equal(model.GetValueOrDefault(id), table.Find(id));
            Assert.Equal(model.Count, table.Count);
        }

        Assert.Equal(model.Values.OrderBy(t => t.Version), table.All.OrderBy(t => t.Version));
        Assert.All(model.Values, t => Assert.Same(t, table.Find(t.Id)));
    }

    [Fact]
    public async Task Who_is_there_is_found_at_any_moment_while_others_come_and_go()
    {
        for (var i = 0; i < 100; i++)
            table.Put(new Thing($"stays-{i}", i));
        var writing = Task.Run(
            () =>
            {
                for (var round = 0; round < 20; round++)
                {
                    for (var i = 0; i < 3000; i++)
                        table.Put(new Thing($"goes-{i}", round));
                    for (var i = 0; i < 3000; i++)
                        table.Remove($"goes-{i}");
                }
            },
            TestContext.Current.CancellationToken
        );
        var looks = 0;
        do
        {
            for (var i = 0; i < 100; i++, looks++)
                Assert.Equal(i, table.Find($"stays-{i}")?.Version);
        } while (!writing.IsCompleted);
        await writing;
        Assert.Equal(100, table.Count);
        Assert.True(looks >= 100);
    }
}
