using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry.Edits;

/// <summary>What a resident has in an order: contacts, who are told in it, and household members.</summary>
internal abstract class OrderedKind<T> : RecordKind<T>
    where T : class
{
    /// <summary>As many as a registry file has columns for.</summary>
    private const int Most = 99;

    private protected abstract string Owner(T record);

    private protected abstract int Order(T record);

    private protected abstract void SetOrder(T record, int order);

    private protected abstract T New(string owner, int order, DateTime now);

    /// <summary>Those of a resident.</summary>
    private protected abstract IQueryable<T> Of(RecordsDb db, string resident);

    private protected abstract Task<T?> ByIdAsync(RecordsDb db, Guid id, CancellationToken cancellation);

    internal override int NumberOf(object record) => Order((T)record);

    private protected override string Subject(T record) => $"resident:{Owner(record)}";

    internal override async Task<object?> FindAsync(RecordsDb db, string id, string? owner, CancellationToken cancellation)
    {
        if (!Guid.TryParse(id, out var guid) || await ByIdAsync(db, guid, cancellation) is not { } seen)
            return null;
        if (owner is not null && owner != Owner(seen))
            return null;
        var all = await LoadAsync(db, Owner(seen), cancellation);
        return all.Find(r => IdOf(r) == IdOf(seen));
    }

    internal override async Task<object?> MakeAsync(EditTurn turn, string id, string? owner, CancellationToken cancellation)
    {
        if (owner is null || !await turn.Db.Residents.AnyAsync(r => r.Id == owner, cancellation))
            return null;
        var all = await LoadAsync(turn.Db, owner, cancellation);
        return New(owner, all.Count == 0 ? 1 : all.Max(Order) + 1, turn.Now);
    }

    /// <summary>The resident's row is what all of them wait for: an order is theirs together.</summary>
    private async Task<List<T>> LoadAsync(RecordsDb db, string resident, CancellationToken cancellation)
    {
        await LockAsync(db, "Residents", "Id", resident, cancellation);
        return await Of(db, resident).ToListAsync(cancellation);
    }

    internal override void Read(RegistryRow row, object record, WholeFile whole)
    {
        var of = (T)record;
        if (Order(of) > Most)
            row.Wrong("order", "", new Wording($"a resident has {Most} of them at most", $"每位服务对象最多 {Most} 位"));
        var order = row.Cell(
            "order",
            Order(of),
            Order(of),
            text => OrderIn(row, text) ?? Order(of),
            v => v.ToString(CultureInfo.InvariantCulture)
        );
        ReadOwn(row, of);
        SetOrder(of, order);
    }

    private protected abstract void ReadOwn(RegistryRow row, T record);

    private static int? OrderIn(RegistryRow row, string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var order) && order is >= 1 and <= Most)
            return order;
        row.Wrong("order", text, new Wording($"is not a number from 1 to {Most}", $"应为 1 至 {Most} 之间的数字"));
        return null;
    }

    internal override async Task SaveAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        var of = (T)record;
        var entry = turn.Db.Entry(of);
        var others = turn.Db.ChangeTracker.Entries<T>().Select(e => e.Entity).Where(e => e != of).OrderBy(Order).ToList();
        var last = others.Count == 0 ? 0 : Order(others[^1]);
        if (entry.State is EntityState.Added ? Order(of) == last + 1 : !entry.Property("Order").IsModified)
        {
            await turn.Db.SaveChangesAsync(cancellation);
            return;
        }

        others.Insert(Math.Min(Order(of) - 1, others.Count), of);
        await InOrderAsync(turn.Db, others, cancellation);
    }

    internal override async Task CheckAsync(EditTurn turn, RegistryRow row, object record, CancellationToken cancellation)
    {
        var owner = Owner((T)record);
        (await turn.Db.Residents.FirstAsync(r => r.Id == owner, cancellation)).UpdatedAt = turn.Now;
    }

    internal override async Task RemoveAsync(EditTurn turn, object record, CancellationToken cancellation)
    {
        var of = (T)record;
        var others = turn.Db.ChangeTracker.Entries<T>().Select(e => e.Entity).Where(e => e != of).OrderBy(Order).ToList();
        turn.Db.Remove(of);
        await InOrderAsync(turn.Db, others, cancellation);
    }

    /// <summary>1, 2, 3…: a plan tells "contact 1". No two may have the same number meanwhile.</summary>
    private async Task InOrderAsync(RecordsDb db, List<T> all, CancellationToken cancellation)
    {
        foreach (var (i, one) in all.Index())
            SetOrder(one, -1 - i);
        await db.SaveChangesAsync(cancellation);
        foreach (var (i, one) in all.Index())
            SetOrder(one, i + 1);
        await db.SaveChangesAsync(cancellation);
    }
}

internal sealed class ContactKind : OrderedKind<Contact>
{
    public override IReadOnlyList<EditedField> Fields { get; } =
    [
        Field("order", "order", c => c.Order, FieldInput.Number),
        Field("name", "contact N name", c => c.Name),
        Field("relation", "contact N relation", c => c.Relation),
        Field("phone", "contact N phone", c => c.Phone, FieldInput.Phone),
        Field("mail", "contact N mail", c => c.Mail),
        Field("language", "contact N language", c => c.Language, FieldInput.Language),
        Field("dailyDigest", "contact N digest", c => c.DailyDigest, FieldInput.Flag),
    ];

    internal override ImportKind Import => ImportKind.Contact;

    internal override string NameOf(object record) => $"contact {((Contact)record).Order} {((Contact)record).Name}";

    private protected override string Id(Contact record) => record.Id.ToString();

    private protected override string Owner(Contact record) => record.ResidentId;

    private protected override int Order(Contact record) => record.Order;

    private protected override void SetOrder(Contact record, int order) => record.Order = order;

    private protected override Contact New(string owner, int order, DateTime now) =>
        new()
        {
            Id = Guid.CreateVersion7(new DateTimeOffset(now)),
            ResidentId = owner,
            Order = order,
            Name = "",
        };

    private protected override IQueryable<Contact> Of(RecordsDb db, string resident) => db.Contacts.Where(c => c.ResidentId == resident);

    private protected override Task<Contact?> ByIdAsync(RecordsDb db, Guid id, CancellationToken cancellation) =>
        db.Contacts.AsNoTracking().FirstOrDefaultAsync(c => c.Id == id, cancellation);

    private protected override void ReadOwn(RegistryRow row, Contact record)
    {
        var at = $"contact {record.Order} ";
        ResidentCells.Contact(row, at, record);
        if (record.Name.Length == 0)
            row.Wrong(at + "name", "", new Wording("is missing", "未填写"));
        ResidentCells.Reachable(row, at, record);
    }
}

internal sealed class MemberKind : OrderedKind<HouseholdMember>
{
    public override IReadOnlyList<EditedField> Fields { get; } =
    [
        Field("order", "order", m => m.Order, FieldInput.Number),
        Field("name", "household N name", m => m.Name),
        Field("gender", "household N gender", m => m.Gender, FieldInput.Gender),
        Field("identityNumber", "household N identity", m => m.IdentityNumber),
        Field("relation", "household N relation", m => m.Relation),
        Field("health", "household N health", m => m.Health),
        Field("supported", "household N support", m => m.Supported, FieldInput.Flag),
    ];

    internal override ImportKind Import => ImportKind.HouseholdMember;

    internal override string NameOf(object record) => $"household {((HouseholdMember)record).Order} {((HouseholdMember)record).Name}";

    private protected override string Id(HouseholdMember record) => record.Id.ToString();

    private protected override string Owner(HouseholdMember record) => record.ResidentId;

    private protected override int Order(HouseholdMember record) => record.Order;

    private protected override void SetOrder(HouseholdMember record, int order) => record.Order = order;

    private protected override HouseholdMember New(string owner, int order, DateTime now) =>
        new()
        {
            Id = Guid.CreateVersion7(new DateTimeOffset(now)),
            ResidentId = owner,
            Order = order,
            Name = "",
        };

    private protected override IQueryable<HouseholdMember> Of(RecordsDb db, string resident) =>
        db.Set<HouseholdMember>().Where(c => c.ResidentId == resident);

    private protected override Task<HouseholdMember?> ByIdAsync(RecordsDb db, Guid id, CancellationToken cancellation) =>
        db.Set<HouseholdMember>().AsNoTracking().FirstOrDefaultAsync(c => c.Id == id, cancellation);

    private protected override void ReadOwn(RegistryRow row, HouseholdMember record)
    {
        var at = $"household {record.Order} ";
        ResidentCells.Member(row, at, record);
        if (record.Name.Length == 0)
            row.Wrong(at + "name", "", new Wording("is missing", "未填写"));
    }
}
