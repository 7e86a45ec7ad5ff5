using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry.Edits;

/// <summary>What an edit is done within.</summary>
/// <param name="Db">Its transaction; sees the editor's area.</param>
/// <param name="By">Who edits.</param>
/// <param name="Now">UTC.</param>
/// <param name="Whole">What is looked up beyond the record.</param>
internal sealed record EditTurn(RecordsDb Db, Editor By, DateTime Now, WholeFile Whole);

/// <summary>A kind of record that people edit: its fields, and how one is found, read from cells, made and removed.</summary>
public abstract class RecordKind
{
    public static RecordKind Resident { get; } = new ResidentKind();
    public static RecordKind Contact { get; } = new ContactKind();
    public static RecordKind Member { get; } = new MemberKind();
    public static RecordKind Visitor { get; } = new VisitorKind();
    public static RecordKind Officer { get; } = new OfficerKind();
    public static RecordKind Area { get; } = new AreaKind();
    public static RecordKind Shift { get; } = new ShiftKind();

    public static IReadOnlyList<RecordKind> All => [Resident, Contact, Member, Visitor, Officer, Area, Shift];

    /// <summary>In the order of a form.</summary>
    public abstract IReadOnlyList<EditedField> Fields { get; }

    internal abstract ImportKind Import { get; }

    public Wording Word =>
        this == Officer ? new Wording("officer", "值班人员")
        : this == Shift ? new Wording("shift", "班次")
        : ImportChanges.Word(Import);

    /// <summary>
    /// Which state of the record somebody has read. Keyed: of values that are shown in part, such as a phone number, a plain hash would
    /// tell the rest to whoever tries them all.
    /// </summary>
    public string VersionOf(FieldKeys? keys, object record)
    {
        var plain = RecordVersion.Of([IdOf(record), .. Fields.Select(f => f.Value(record))]);
        return keys?.Code("version", plain) ?? plain;
    }

    public abstract string IdOf(object record);

    /// <summary>A record as it is, to be shown; null where there is none that may be seen.</summary>
    public abstract Task<object?> SeeAsync(RecordsDb db, string id, CancellationToken cancellation);

    /// <summary>The values of its fields, by their names.</summary>
    public IReadOnlyDictionary<string, string> Texts(object record) => Fields.ToDictionary(f => f.Name, f => f.Text(record));

    /// <summary>Under which the audit log has it: a contact is the resident's.</summary>
    internal abstract string SubjectOf(object record);

    /// <summary>What the audit log calls it where the subject doesn't say it.</summary>
    internal virtual string NameOf(object record) => "";

    /// <summary>The number of its columns.</summary>
    internal virtual int NumberOf(object record) => 0;

    /// <summary>The record to be changed, which nobody else changes until the transaction ends; null where there is none.</summary>
    internal abstract Task<object?> FindAsync(RecordsDb db, string id, string? owner, CancellationToken cancellation);

    /// <summary>A new record, not added yet; null where the owner is missing.</summary>
    internal abstract Task<object?> MakeAsync(EditTurn turn, string id, string? owner, CancellationToken cancellation);

    /// <summary>The id of a new record is another's.</summary>
    internal virtual Task<bool> IsTakenAsync(RecordsDb db, string id, CancellationToken cancellation) => Task.FromResult(false);

    /// <summary>Whether it is the editor's to change; what can't be found isn't asked for.</summary>
    internal virtual Task<bool> IsOwnAsync(EditTurn turn, object record, CancellationToken cancellation) => Task.FromResult(true);

    /// <summary>Takes the cells over, with the import's own checks.</summary>
    internal abstract void Read(RegistryRow row, object record, WholeFile whole);

    /// <summary>What has to be looked up.</summary>
    internal virtual Task CheckAsync(EditTurn turn, RegistryRow row, object record, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Who stands on it, in words; null where nobody does.</summary>
    internal virtual Task<Wording?> NeededAsync(EditTurn turn, object record, CancellationToken cancellation) =>
        Task.FromResult<Wording?>(null);

    internal virtual Task SaveAsync(EditTurn turn, object record, CancellationToken cancellation) => turn.Db.SaveChangesAsync(cancellation);

    internal virtual Task RemoveAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        turn.Db.Remove(record);
        return turn.Db.SaveChangesAsync(cancellation);
    }

    /// <summary>
    /// PostgreSQL: nobody else changes the row until the transaction ends, or two edits of the same version would both pass. SQLite has one
    /// writer.
    /// </summary>
    internal static async Task LockAsync(RecordsDb db, string table, string key, string id, CancellationToken cancellation)
    {
#pragma warning disable EF1002 // names of our own tables and columns; the id is a parameter
        if (db.Database.IsNpgsql())
            await db.Database.ExecuteSqlRawAsync($"SELECT 1 FROM \"{table}\" WHERE \"{key}\" = {{0}} FOR UPDATE", [id], cancellation);
#pragma warning restore EF1002
    }

    private protected static void CheckId(RegistryRow row, string column, string id)
    {
        if (id.Length > 0 && !ResidentId.TryParse(id, out _))
            row.Wrong(column, id, new Wording("has white space or more than 64 characters", "含有空格或超过 64 个字符"));
    }
}

/// <summary>The same with the record's own type.</summary>
public abstract class RecordKind<T> : RecordKind
    where T : class
{
    private protected static EditedField Field(
        string name,
        string column,
        Func<T, object?> value,
        FieldInput input = FieldInput.Text,
        FieldGroup group = FieldGroup.Person
    ) => new(name, column, input, r => value((T)r)) { Group = group };

    public sealed override string IdOf(object record) => Id((T)record);

    public sealed override async Task<object?> SeeAsync(RecordsDb db, string id, CancellationToken cancellation)
    {
        var key = db.Model.FindEntityType(typeof(T))!.FindPrimaryKey()!.Properties[0];
        if (key.ClrType == typeof(Guid))
            return Guid.TryParse(id, out var guid) ? await db.Set<T>().FindAsync([guid], cancellation) : null;
        return await db.Set<T>().FindAsync([id], cancellation);
    }

    internal sealed override string SubjectOf(object record) => Subject((T)record);

    private protected abstract string Id(T record);

    private protected abstract string Subject(T record);
}
