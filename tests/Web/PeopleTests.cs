using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;
using Vigil.Web.Pages.Parts;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>Pages show people's names where the service has stored their keys.</summary>
public sealed class PeopleTests
{
    [Theory]
    [InlineData("already acknowledged by duty:d1", "already acknowledged by Li")]
    // duty:d12 isn't in the registry, and must not become Li (d1) followed by a 2
    [InlineData("resolved by duty:d12", "resolved by duty:d12")]
    [InlineData("to visitor:v.1: on my way", "to Chen: on my way")]
    [InlineData("已由duty:d1, supervisor:s@x 确认", "已由Li, Wang 确认")]
    [InlineData("移交给 visitor:v.1：请尽快", "移交给 Chen：请尽快")]
    [InlineData("told by off-duty:d1", "told by off-duty:d1")]
    [InlineData("it was duty:d1.", "it was Li.")]
    public void A_key_is_replaced_by_a_name_when_it_is_that_persons_whole_key(string text, string shown)
    {
        var names = new Dictionary<string, string>
        {
            ["duty:d1"] = "Li",
            ["visitor:v.1"] = "Chen",
            ["supervisor:s@x"] = "Wang",
        };
        Assert.Equal(shown, People.Named(text, names));
    }

    [Fact]
    public async Task Whoever_was_faster_is_named_though_no_page_has_read_their_name_yet()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-people-").FullName;
        try
        {
            var records = await FreshRecords.SqliteAsync(folder);
            await using var db = records.CreateDbContext();
            db.Add(
                new DutyOfficer
                {
                    Id = "d.1",
                    Name = "李",
                    Area = "441900",
                }
            );
            await db.SaveChangesAsync(Token);
            Assert.Equal("already acknowledged by 李", await People.NamedAsync(db, "already acknowledged by duty:d.1", "en"));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }
}
