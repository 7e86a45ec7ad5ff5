using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Tests.Storage.Records;

/// <summary>Passwords of devices: what is stored, what is remembered, and who goes first when slow hashes are calculated.</summary>
public sealed class SecretsTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-secrets-").FullName;
    private RecordsFactory records = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => records = await FreshRecords.SqliteAsync(folder);

    [Fact]
    public async Task A_generated_password_is_stored_as_a_salted_fast_hash_and_no_other_fits()
    {
        using var secrets = new Secrets(records, TimeProvider.System);
        var one = await secrets.CreateCredentialAsync("d1", gateway: false, [], Stop);
        await secrets.CreateCredentialAsync("d2", gateway: false, [], Stop);
        Assert.Equal(24, one.Length); // 144 bits
        Assert.StartsWith("hmac-sha256$", await StoredAsync("d1"), StringComparison.Ordinal);
        Assert.DoesNotContain(one, await StoredAsync("d1"), StringComparison.Ordinal);
        Assert.Equal("d1", (await secrets.VerifyAsync("d1", Bytes(one), Stop)).Credential?.Username);
        Assert.Null((await secrets.VerifyAsync("d2", Bytes(one), Stop)).Credential);
        Assert.Null((await secrets.VerifyAsync("d1", Bytes(one + "x"), Stop)).Credential);
        Assert.Equal(new Verified(null), await secrets.VerifyAsync("nobody", Bytes(one), Stop));
    }

    /// <summary>A sheet of passwords is opened in Excel, and mosquitto_pub gets one behind -P.</summary>
    [Fact]
    public void No_password_begins_as_an_option_or_a_formula() =>
        Assert.All(
            Enumerable.Range(0, 1000),
            n => Assert.Matches("^[A-Za-z0-9_]", Secrets.NewDevice($"d{n}", DateTime.UnixEpoch).Password)
        );

    [Fact]
    public async Task A_hash_of_an_older_version_is_read_and_stored_anew_once_it_was_right()
    {
        var password = await OldAsync("d1", 1000);
        using var secrets = new Secrets(records, TimeProvider.System);
        Assert.Null((await secrets.VerifyAsync("d1", Bytes("wrong"), Stop)).Credential);
        Assert.StartsWith("pbkdf2", await StoredAsync("d1"), StringComparison.Ordinal);
        Assert.NotNull((await secrets.VerifyAsync("d1", Bytes(password), Stop)).Credential);
        for (var patience = 0; !(await StoredAsync("d1")).StartsWith("hmac", StringComparison.Ordinal); patience++)
        {
            Assert.True(patience < 500, "it was not stored anew");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Stop);
        }

        using var next = new Secrets(records, TimeProvider.System);
        Assert.NotNull((await next.VerifyAsync("d1", Bytes(password), Stop, slowly: false)).Credential);
        Assert.Null((await next.VerifyAsync("d1", Bytes("wrong"), Stop)).Credential);
    }

    [Theory]
    [InlineData("revoked")]
    [InlineData("replaced")]
    [InlineData("deleted")]
    public async Task A_password_that_is_remembered_opens_nothing_once_it_was(string what)
    {
        using var secrets = new Secrets(records, TimeProvider.System);
        var password = await secrets.CreateCredentialAsync("d1", gateway: false, [], Stop);
        Assert.NotNull((await secrets.VerifyAsync("d1", Bytes(password), Stop)).Credential);
        Assert.NotNull((await secrets.VerifyAsync("d1", Bytes(password), Stop, rememberedAlone: true)).Credential);
        await using (var db = records.CreateDbContext())
        {
            if (what == "revoked")
                await db.Credentials.ExecuteUpdateAsync(u => u.SetProperty(c => c.Disabled, true), Stop);
            if (what == "deleted")
                await db.Credentials.ExecuteDeleteAsync(Stop);
        }

        if (what == "replaced")
            // by another process, so this one has not noticed
            await new Secrets(records, TimeProvider.System).CreateCredentialAsync("d1", gateway: false, [], Stop);
        Assert.Null((await secrets.VerifyAsync("d1", Bytes(password), Stop, rememberedAlone: true)).Credential);
        Assert.Null((await secrets.VerifyAsync("d1", Bytes(password), Stop)).Credential);
    }

    [Fact]
    public async Task What_is_not_remembered_is_not_looked_at_when_memory_alone_is_worth_it()
    {
        using var secrets = new Secrets(records, TimeProvider.System);
        var password = await secrets.CreateCredentialAsync("d1", gateway: false, [], Stop);
        Assert.Equal(new Verified(null, Checked: false), await secrets.VerifyAsync("d1", Bytes(password), Stop, rememberedAlone: true));
        await OldAsync("d2", 1000);
        Assert.Equal(new Verified(null, Checked: false), await secrets.VerifyAsync("d2", Bytes(password), Stop, slowly: false));
    }

    [Fact]
    public async Task Slow_hashes_stand_in_a_line_life_first_and_a_full_line_says_so()
    {
        var stored = Pbkdf2("AbCdEfGhIjKlMnOpQrStUvWx", 60_000);
        using var line = new SlowHashes(TimeProvider.System);
        var others = Enumerable
            .Range(0, 300)
            .Select(_ => line.FitsAsync(stored, Bytes("AbCdEfGhIjKlMnOpQrStUvWx"), first: false, Stop).AsTask())
            .ToList();
        Assert.True(await line.FitsAsync(stored, Bytes("AbCdEfGhIjKlMnOpQrStUvWx"), first: true, Stop));
        // although it came last, it did not wait for all of them
        Assert.InRange(others.Count(o => o.IsCompletedSuccessfully && o.Result == true), 0, 100);
        // the line is full, so some are refused and have to try again
        Assert.Contains(null, others.Where(o => o.IsCompletedSuccessfully).Select(o => o.Result));
        Assert.False(await line.FitsAsync(stored, Bytes("wrong"), first: true, Stop));
        // A client that has left costs no work.
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            line.FitsAsync(stored, Bytes("wrong"), first: true, gone.Token).AsTask()
        );
    }

    public ValueTask DisposeAsync()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task<string> StoredAsync(string username)
    {
        await using var db = records.CreateDbContext();
        return (await db.Credentials.AsNoTracking().SingleAsync(c => c.Username == username, Stop)).PasswordHash;
    }

    private async Task<string> OldAsync(string username, int iterations, string password = "AbCdEfGhIjKlMnOpQrStUvWx")
    {
        await using var db = records.CreateDbContext();
        db.Credentials.Add(
            new Credential
            {
                Username = username,
                CreatedAt = DateTime.UnixEpoch,
                PasswordHash = Pbkdf2(password, iterations),
            }
        );
        await db.SaveChangesAsync(Stop);
        return password;
    }

    private static string Pbkdf2(string password, int iterations)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        var hash = Rfc2898DeriveBytes.Pbkdf2(Bytes(password), salt, iterations, HashAlgorithmName.SHA256, 32);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"pbkdf2-sha256${iterations}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}"
        );
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
