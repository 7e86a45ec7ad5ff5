using System.Reflection;
using System.Text.RegularExpressions;
using NetArchTest.Rules;

namespace Vigil.Tests.Docs;

/// <summary>Each folder of src uses only the folders that its row of the table in ARCHITECTURE.md allows.</summary>
public sealed partial class ArchitectureTests
{
    public static TheoryData<string> Rooms() => [.. Known().Keys];

    [Theory]
    [MemberData(nameof(Rooms))]
    public void A_room_knows_those_alone_that_ARCHITECTURE_names(string room)
    {
        var others = Known().Keys.Where(o => o != room && !Known()[room].Contains(o)).Select(o => "Vigil." + o).ToArray();
        if (others.Length > 0)
            Holds(Types.InAssembly(Assembly.Load("Vigil." + room)).ShouldNot().HaveDependencyOnAny(others));
    }

    [Fact]
    public void Every_room_of_the_source_is_named_in_ARCHITECTURE() =>
        Assert.Equal(
            Directory.GetFiles(Path.Combine(ProofTests.Folder(), "src"), "*.csproj", SearchOption.AllDirectories).Select(RoomOf).Order(),
            Known().Keys.Order()
        );

    [Fact]
    public void Rules_touch_no_file_no_network_no_clock_and_no_container() =>
        Holds(
            Types
                .InAssembly(Assembly.Load("Vigil.Rules"))
                .ShouldNot()
                .HaveDependencyOnAny(
                    "System.IO.File",
                    "System.IO.FileStream",
                    "System.IO.Directory",
                    "System.Net",
                    "System.TimeProvider",
                    "System.Threading.Timer",
                    "Microsoft.Extensions",
                    "Microsoft.EntityFrameworkCore"
                )
        );

    [Theory]
    [InlineData("Vigil.Storage", "Vigil.Storage.Readings", "Vigil.Storage.Records")]
    [InlineData("Vigil.Storage", "Vigil.Storage.Records", "Vigil.Storage.Readings")]
    [InlineData("Vigil.Storage", "Vigil.Storage.Readings.DuckDb", "Vigil.Storage.Readings.Influx")]
    [InlineData("Vigil.Storage", "Vigil.Storage.Readings.Influx", "Vigil.Storage.Readings.DuckDb")]
    [InlineData("Vigil.Notify", "Vigil.Notify.Channels.Twilio", "Vigil.Notify.Channels.Aliyun")]
    [InlineData("Vigil.Notify", "Vigil.Notify.Channels.Aliyun", "Vigil.Notify.Channels.Twilio")]
    [InlineData("Vigil.Web", "Vigil.Web.Api", "Vigil.Web.Pages")]
    public void Neighbours_that_could_be_replaced_one_by_one_do_not_know_each_other(string assembly, string room, string neighbour) =>
        Holds(Types.InAssembly(Assembly.Load(assembly)).That().ResideInNamespace(room).ShouldNot().HaveDependencyOnAny(neighbour));

    private static void Holds(ConditionList rule)
    {
        var result = rule.GetResult();
        Assert.True(
            result.IsSuccessful,
            string.Join('\n', (result.FailingTypes ?? []).Select(t => $"{t.FullName} knows too much {t.Explanation}"))
        );
    }

    /// <summary>The table of ARCHITECTURE.md: each folder, and the folders it may use.</summary>
    private static Dictionary<string, HashSet<string>> Known() =>
        File.ReadLines(Path.Combine(ProofTests.Folder(), "ARCHITECTURE.md"))
            .Select(l => Row().Match(l))
            .Where(m => m.Success)
            .ToDictionary(
                m => m.Groups["room"].Value,
                m =>
                    m.Groups["knows"].Value switch
                    {
                        "nothing" => [],
                        "all" => Directory
                            .GetFiles(Path.Combine(ProofTests.Folder(), "src"), "*.csproj", SearchOption.AllDirectories)
                            .Select(RoomOf)
                            .ToHashSet(StringComparer.Ordinal),
                        var names => names.Split(", ").ToHashSet(StringComparer.Ordinal),
                    },
                StringComparer.Ordinal
            );

    private static string RoomOf(string project) => Path.GetFileNameWithoutExtension(project)["Vigil.".Length..];

    [GeneratedRegex(@"^\| `src/(?<room>\w+)` \|.*\| (?<knows>[\w, ]+) \|$")]
    private static partial Regex Row();
}
