using System.Text.RegularExpressions;
using Vigil.Registry;
using Vigil.Registry.Edits;
using Vigil.Storage.Records;
using Vigil.Web;

namespace Vigil.Tests.Registry;

/// <summary>What can be imported can be edited, under names that pages have words for.</summary>
public sealed class RegistryEditTests
{
    /// <summary>
    /// Imported and not edited: consent is given and withdrawn, devices are bound, a visitor's name and number are the visitor's own.
    /// </summary>
    private static readonly Regex Elsewhere = new("^(consent|share|device N .*|visitor name|visitor phone|record)$");

    [Fact]
    public void Every_column_of_the_import_is_a_field_of_an_edit()
    {
        var fields = RecordKind.All.SelectMany(k => k.Fields).Select(f => f.Column).ToHashSet();
        var missing = RegistryHeadings.All.Select(h => h.En).Distinct().Where(c => !fields.Contains(c) && !Elsewhere.IsMatch(c));
        Assert.Equal("", string.Join(", ", missing));
        var columns = RegistryHeadings.All.Select(h => h.En).Append("order").ToHashSet();
        Assert.Equal("", string.Join(", ", fields.Where(f => !columns.Contains(f))));
    }

    [Fact]
    public void Every_field_has_words_and_a_heading_in_both_languages()
    {
        foreach (var field in RecordKind.All.SelectMany(k => k.Fields))
        {
            Assert.NotEqual(Texts.Of("field." + field.Name, "en"), Texts.Of("field." + field.Name, "zh"));
            Assert.NotEqual(field.Column, RegistryHeadings.Heading(field.Column.Replace(" N ", " 1 ", StringComparison.Ordinal)).Zh);
        }
    }

    [Fact]
    public void A_version_changes_with_every_field_and_tells_nothing_without_the_key()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-keys-").FullName;
        var (keys, others) = (FieldKeys.Open(Path.Combine(folder, "a.key")), FieldKeys.Open(Path.Combine(folder, "b.key")));
        Contact Contact() =>
            new()
            {
                Id = Guid.Empty,
                ResidentId = "r1",
                Order = 1,
                Name = "王",
                Phone = "+8613800138000",
            };
        var version = RecordKind.Contact.VersionOf(keys, Contact());
        Assert.Equal(version, RecordKind.Contact.VersionOf(keys, Contact()));
        Assert.NotEqual(version, RecordKind.Contact.VersionOf(others, Contact()));
        Action<Contact>[] changes =
        [
            c => c.Order = 2,
            c => c.Name = "李",
            c => c.Phone = "+8613800138001",
            c => c.Relation = "子",
            c => c.Mail = "a@example.org",
            c => c.Language = "en",
            c => c.DailyDigest = true,
        ];
        Assert.Equal(RecordKind.Contact.Fields.Count, changes.Length);
        foreach (var change in changes)
        {
            var contact = Contact();
            change(contact);
            Assert.NotEqual(version, RecordKind.Contact.VersionOf(keys, contact));
        }

        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("1-5", "1-5")]
    [InlineData("一至五", "1-5")]
    [InlineData("1,3,6,7", "1,3,6-7")]
    [InlineData("5-1", "1,5-7")]
    [InlineData("7", "7")]
    [InlineData("", "1-7")]
    public void Weekdays_are_written_as_they_are_read(string text, string written)
    {
        Assert.True(ShiftCells.TryDays(text, out var days));
        Assert.Equal(written, ShiftCells.Days(days));
        Assert.True(ShiftCells.TryDays(written, out var again));
        Assert.Equal(days, again);
    }
}
