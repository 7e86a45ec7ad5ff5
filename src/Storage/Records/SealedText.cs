using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Vigil.Storage.Records;

/// <summary>
/// Converts a sealed column: seals what is written, opens what is read. A findable column can also be compared in a query.
/// </summary>
internal sealed class SealedText(FieldKeys keys, string column, bool findable)
    : ValueConverter<string, string>(v => keys.Seal(column, v, findable), v => keys.Read(column, v));

/// <summary>EF Core caches its models; the converters in one hold their keys, so there is a model for each set of keys.</summary>
internal sealed class ModelByKeys : IModelCacheKeyFactory
{
    public object Create(DbContext context, bool designTime) =>
        (context.GetType(), (context as RecordsDb)?.Keys?.Fingerprint, context is RecordsDb { Within.Length: > 0 }, designTime);
}
