using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Storage.Records;

/// <summary>A stolen disk or backup shows no phone number and no identity number.</summary>
public sealed class SealedFieldsTests : IDisposable
{
    private const string Identity = "44010019410517123X",
        Phone = "+8613800138000";
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-sealed-").FullName;

    private string KeyFile => Path.Combine(folder, "keys", "fields.key");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_files_of_the_database_hold_neither_identity_number_nor_phone_and_a_query_still_finds_them()
    {
        var records = await FilledAsync();
        await using (var db = records.CreateDbContext())
        {
            Assert.Equal("R1", (await db.Residents.SingleAsync(r => r.Phone == Phone && r.IdentityNumber == Identity, Token)).Id);
            string[] wanted = [Phone];
            Assert.Equal(1, await db.Contacts.CountAsync(c => wanted.Contains(c.Phone), Token));
        }

        Assert.False(FilesHold(Phone) || FilesHold(Identity));
    }

    [Fact]
    public async Task Rows_of_an_older_version_are_sealed_at_the_start_and_leave_no_trace()
    {
        var records = await FilledAsync();
        await using (var db = records.CreateDbContext())
            await db.Database.ExecuteSqlAsync($"UPDATE Residents SET Phone = {Phone}, IdentityNumber = {Identity}", Token);
        Assert.True(FilesHold(Phone));
        await records.MigrateAsync(Token);
        SqliteConnection.ClearAllPools();
        Assert.False(FilesHold(Phone) || FilesHold(Identity));
        await using var after = records.CreateDbContext();
        Assert.Equal(
            (Phone, Identity),
            (await after.Residents.Select(r => new { r.Phone, r.IdentityNumber }).SingleAsync(Token)) is { } r
                ? (r.Phone, r.IdentityNumber)
                : default
        );
    }

    [Fact]
    public async Task A_new_key_seals_everything_anew_at_the_next_start_and_then_the_old_one_is_not_needed()
    {
        await FilledAsync();
        FieldKeys.Rotate(KeyFile);
        Assert.Equal(2, (await File.ReadAllLinesAsync(KeyFile, Token)).Length);
        await RecordsServices.CreateFactory("Sqlite", null, folder).MigrateAsync(Token);
        var newest = FieldKeys.Parse((await File.ReadAllLinesAsync(KeyFile, Token)).Take(1), KeyFile);
        await using var db = RecordsServices.CreateFactory("Sqlite", null, folder, newest).CreateDbContext();
        Assert.Equal(Phone, (await db.Contacts.SingleAsync(c => c.Phone == Phone, Token)).Phone);
    }

    [Fact]
    public async Task A_new_key_passes_over_a_damaged_value_seals_the_others_and_names_the_row()
    {
        var records = await FilledAsync();
        await using (var db = records.CreateDbContext())
            await db.Database.ExecuteSqlAsync($"UPDATE Residents SET Phone = substr(Phone, 1, 30)", Token);
        FieldKeys.Rotate(KeyFile);
        var rotated = RecordsServices.CreateFactory("Sqlite", null, folder);
        await rotated.MigrateAsync(Token);
        Assert.Equal(["Residents R1 Phone"], await rotated.UnreadableAsync(Token));
        await using var after = rotated.CreateDbContext();
        Assert.Equal(Phone, (await after.Contacts.SingleAsync(c => c.Phone == Phone, Token)).Phone);
        Assert.StartsWith(
            "enc1.",
            await after.Database.SqlQuery<string>($"SELECT Phone AS Value FROM Residents").SingleAsync(Token),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Another_key_opens_nothing_and_a_value_moved_to_another_column_opens_nothing()
    {
        await FilledAsync();
        var strange = FieldKeys.Open(Path.Combine(folder, "other.key"));
        await using (var db = RecordsServices.CreateFactory("Sqlite", null, folder, strange).CreateDbContext())
        {
            // the row must still be found; only its encrypted values are unreadable
            var home = await db.Residents.Include(r => r.Contacts).SingleAsync(Token);
            Assert.True(
                FieldKeys.IsUnreadable(home.Phone)
                    && FieldKeys.IsUnreadable(home.IdentityNumber)
                    && FieldKeys.IsUnreadable(home.Contacts[0].Phone)
            );
            Assert.Equal("(can't be read)", FieldKeys.Shown(home.Phone));
        }

        Assert.ThrowsAny<CryptographicException>(() => strange.Unseal("Contact.Phone", strange.Seal("Visitor.Phone", Phone)));
        Assert.Equal(Phone, strange.Unseal("Contact.Phone", strange.Seal("Contact.Phone", Phone)));
    }

    [Fact]
    public async Task The_key_file_is_for_its_owner_alone()
    {
        await FilledAsync();
        Assert.True(!OperatingSystem.IsWindows() && File.GetUnixFileMode(KeyFile) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Fact]
    public async Task A_context_within_an_area_shows_and_writes_nothing_outside_and_every_table_has_a_rule()
    {
        var records = await FilledAsync();
        await using var bound = records.CreateDbContext("4419");
        Assert.Empty(await bound.Residents.ToListAsync(Token));
        Assert.Empty(await bound.Contacts.ToListAsync(Token));
        bound.Residents.Add(
            new Resident
            {
                Id = "R2",
                Name = "x",
                Area = "440100001001",
            }
        );
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => bound.SaveChangesAsync(Token));
        await using var nowhere = records.CreateDbContext(RecordsDb.Nowhere);
        Assert.Empty(await nowhere.Residents.ToListAsync(Token));
        var forgotten = bound
            .Model.GetEntityTypes()
            .Where(e => e.GetDeclaredQueryFilters().Count == 0 && !RecordsDb.OfNoArea.Contains(e.ClrType))
            .Select(e => e.ClrType.Name)
            .ToList();
        Assert.True(forgotten.Count == 0, $"tables without a rule of areas: {string.Join(", ", forgotten)}");
    }

    /// <summary>A value for each encrypted column; none of them may be found in the files.</summary>
    private static readonly (Type Entity, string Property, string Value)[] Secret =
    [
        .. RecordsDb
            .Sealed.Where(s => s.Entity.Namespace == typeof(Resident).Namespace)
            .Select((s, i) => (s.Entity, s.Property, $"secret-{i:000}-of-{s.Property}")),
    ];

    [Fact]
    public async Task What_is_told_of_health_mail_addresses_and_certificates_stand_in_no_file_and_equal_words_do_not_look_equal()
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await records.MigrateAsync(Token);
        await using (var db = records.CreateDbContext())
        {
            foreach (var row in Rows())
                db.Add(row);
            await db.SaveChangesAsync(Token);
        }

        await using (var db = records.CreateDbContext())
        {
            foreach (var (entity, property, value) in Secret)
                Assert.Equal(value, await ReadAsync(db, entity, property));
            var health = await db.Database.SqlQuery<string>($"SELECT Health AS Value FROM HouseholdMember").ToListAsync(Token);
            Assert.Equal((2, 2), (health.Count, health.Distinct().Count()));
        }

        Assert.All(Secret, s => Assert.False(FilesHold(s.Value), $"{s.Entity.Name}.{s.Property} stands in the files in clear"));
        // An older version stored them unencrypted: the next start encrypts them and leaves no trace.
        await using (var db = records.CreateDbContext())
        {
            foreach (var (entity, property, value) in Secret)
#pragma warning disable EF1002 // names of the model, and values of this test
                await db.Database.ExecuteSqlRawAsync(
                    $"UPDATE \"{db.Model.FindEntityType(entity)!.GetTableName()}\" SET \"{property}\" = '{value}'",
                    Token
                );
#pragma warning restore EF1002
        }

        Assert.All(Secret, s => Assert.True(FilesHold(s.Value)));
        await records.MigrateAsync(Token);
        SqliteConnection.ClearAllPools();
        Assert.All(Secret, s => Assert.False(FilesHold(s.Value), $"{s.Entity.Name}.{s.Property} still stands in the files in clear"));
        await using var after = records.CreateDbContext();
        foreach (var (entity, property, value) in Secret)
            Assert.Equal(value, await ReadAsync(after, entity, property));
    }

    private static object[] Rows()
    {
        object[] rows =
        [
            new Resident
            {
                Id = "R1",
                Name = "王秀英",
                Area = "440100001001",
            },
            new Contact
            {
                Id = Guid.NewGuid(),
                ResidentId = "R1",
                Order = 1,
                Name = "王建国",
            },
            new Visitor { Id = "V1", Name = "陈" },
            new DutyOfficer
            {
                Id = "D1",
                Name = "李",
                Area = "440100",
            },
            new HouseholdMember
            {
                Id = Guid.NewGuid(),
                ResidentId = "R1",
                Order = 1,
                Name = "王秀英",
            },
            new HouseholdMember
            {
                Id = Guid.NewGuid(),
                ResidentId = "R1",
                Order = 2,
                Name = "李大爷",
            },
            new Visit
            {
                Id = Guid.NewGuid(),
                ResidentId = "R1",
                Time = DateTime.UnixEpoch,
                Form = "home",
                RecordedBy = "test",
            },
            new User
            {
                Id = Guid.NewGuid(),
                UserName = "li",
                Role = "duty",
                Area = "",
            },
            new Webhook
            {
                Id = Guid.NewGuid(),
                Name = "w",
                Url = "https://example.org",
                Secret = "",
                Events = "opened",
                CreatedBy = "test",
            },
            new Notice
            {
                Id = Guid.NewGuid(),
                AlarmId = Guid.NewGuid(),
                Channel = Channel.Sms,
                Recipient = "contact:1",
                RecipientName = "王",
                Address = "",
                Text = "",
            },
            new BlockedNumber
            {
                Id = Guid.NewGuid(),
                Address = "",
                Channel = Channel.Sms,
                Reason = "opted out",
            },
            new ImportPiece { Number = 0, Content = "" },
            new ReachTest { Id = Guid.NewGuid(), Address = "" },
        ];
        foreach (var (entity, property, value) in Secret)
        foreach (var row in rows.Where(r => r.GetType() == entity))
            entity.GetProperty(property)!.SetValue(row, value);
        return rows;
    }

    private static async Task<string?> ReadAsync(RecordsDb db, Type entity, string property)
    {
        var rows = await (
            (Task<List<object>>)
                typeof(SealedFieldsTests)
                    .GetMethod(nameof(AllAsync), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!
                    .MakeGenericMethod(entity)
                    .Invoke(null, [db])!
        );
        return (string?)entity.GetProperty(property)!.GetValue(rows[0]);
    }

    private static async Task<List<object>> AllAsync<T>(RecordsDb db)
        where T : class => [.. (await db.Set<T>().AsNoTracking().ToListAsync(Token)).Cast<object>()];

    private async Task<RecordsFactory> FilledAsync()
    {
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await records.MigrateAsync(Token);
        await using var db = records.CreateDbContext();
        var home = new Resident
        {
            Id = "R1",
            Name = "王秀英",
            Area = "440100001001",
            Phone = Phone,
            IdentityNumber = Identity,
        };
        home.Contacts.Add(
            new Contact
            {
                Id = Guid.NewGuid(),
                ResidentId = "R1",
                Order = 1,
                Name = "王建国",
                Phone = Phone,
            }
        );
        db.Residents.Add(home);
        await db.SaveChangesAsync(Token);
        return records;
    }

    private bool FilesHold(string text) =>
        Directory
            .EnumerateFiles(folder, "records.db*")
            .Any(f =>
            {
                using var file = new FileStream(f, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using var copy = new MemoryStream();
                file.CopyTo(copy);
                return copy.ToArray().AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(text)) >= 0;
            });
}
