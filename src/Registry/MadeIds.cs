using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Ids for residents whose rows have none: the one that the holder of the identity number has already, else one made of the number with the
/// key of the sealed columns. So a row finds its resident again, also after the key was changed, and the id tells nobody the number.
/// </summary>
internal sealed class MadeIds
{
    private readonly Dictionary<string, string> held = [];
    private readonly FieldKeys keys;

    private MadeIds(FieldKeys keys) => this.keys = keys;

    /// <summary>Null when nobody asked for it.</summary>
    public static async Task<MadeIds?> ReadAsync(RecordsDb db, ImportOptions options, CancellationToken cancellation)
    {
        if (!options.IdsFromIdentity || db.Keys is not { } keys)
            return null;
        var made = new MadeIds(keys);
        await foreach (
            var r in db
                .Residents.AsNoTracking()
                .Where(r => r.IdentityNumber != "")
                .OrderBy(r => r.Id)
                .Select(r => new { r.Id, r.IdentityNumber })
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
            made.held.TryAdd(r.IdentityNumber, r.Id);
        return made;
    }

    public void Give(RegistryRow row)
    {
        if (row.Kind is not ImportKind.Resident || row["id"].Length > 0)
            return;
        var number = row["identity"].ToUpperInvariant();
        if (IdentityNumber.IsValid(number))
            row.GiveId(held.GetValueOrDefault(number) ?? "p" + keys.Code("resident", number));
    }
}
