using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Devices;

/// <summary>
/// Every profile under devices/ loads, its examples become the readings that stand beside them, and it says where its facts come from.
/// </summary>
public sealed class ShippedProfilesTests
{
    private static readonly List<Problem> Problems = [];
    private static readonly ProfileSet Profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), Problems);

    public static TheoryData<string> Ids => [.. Profiles.All.Select(p => p.Id)];

    [Fact]
    public void All_profiles_load_without_a_problem() => Assert.Empty(Problems);

    [Theory]
    [MemberData(nameof(Ids))]
    public void Its_examples_become_the_readings_they_promise(string id) => Assert.Empty(ProfileExamples.Check(Profiles.Find(id)!));

    [Theory]
    [MemberData(nameof(Ids))]
    public void A_vendors_profile_says_who_made_it_and_where_the_facts_come_from(string id)
    {
        var profile = Profiles.Find(id)!;
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, profile.File));
        Assert.Contains("source:", text);
        Assert.Contains("trap:", text);
        if (!profile.IsGeneric)
            Assert.True(profile is { Vendor.Length: > 0, Model.Length: > 0 });
    }
}
