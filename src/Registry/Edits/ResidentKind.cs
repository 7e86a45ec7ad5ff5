using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry.Edits;

/// <summary>
/// A resident's own data (Annex 1) and who visits. Consent is not edited: it is given and withdrawn, and the import alone takes it over.
/// </summary>
internal sealed class ResidentKind : RecordKind<Resident>
{
    public override IReadOnlyList<EditedField> Fields { get; } =
    [
        Field("id", "id", r => r.Id) with
        {
            OnlyNew = true,
        },
        Field("name", "name", r => r.Name),
        Field("gender", "gender", r => r.Gender, FieldInput.Gender),
        Field("birthDate", "birth", r => r.BirthDate, FieldInput.Date),
        Field("identityNumber", "identity", r => r.IdentityNumber),
        Field("phone", "phone", r => r.Phone, FieldInput.Phone),
        Field("area", "area", r => r.Area, FieldInput.Area),
        Field("address", "address", r => r.Address, FieldInput.LongText),
        Field("registeredAddress", "registered address", r => r.RegisteredAddress, FieldInput.LongText),
        Field("categories", "categories", r => r.Categories, FieldInput.Categories),
        Field("keyClass", "key", r => r.KeyClass, FieldInput.Flag),
        Field("disabilityCertificate", "disability certificate", r => r.DisabilityCertificate),
        Field("filedOn", "filed", r => r.FiledOn, FieldInput.Date),
        Field("drinkingWater", "drinking water", r => r.DrinkingWater, group: FieldGroup.Living),
        Field("electricitySafety", "electricity", r => r.ElectricitySafety, group: FieldGroup.Living),
        Field("gasSafety", "gas", r => r.GasSafety, group: FieldGroup.Living),
        Field("housing", "housing", r => r.Housing, group: FieldGroup.Living),
        Field("monthlyIncome", "income", r => r.MonthlyIncome, FieldInput.Number, FieldGroup.Living),
        Field("monthlyPension", "pension", r => r.MonthlyPension, FieldInput.Number, FieldGroup.Living),
        Field("monthlyBenefits", "benefits", r => r.MonthlyBenefits, FieldInput.Number, FieldGroup.Living),
        Field("helpedBy", "helped by", r => r.HelpedBy, group: FieldGroup.Help),
        Field("helpContact", "help contact", r => r.HelpContact, group: FieldGroup.Help),
        Field("help", "help", r => r.Help, FieldInput.LongText, FieldGroup.Help),
        Field("visitorId", "visitor id", r => r.VisitorId, FieldInput.Person, FieldGroup.Visits),
        Field("homeLatitude", "latitude", r => r.HomeLatitude, FieldInput.Number, FieldGroup.Place),
        Field("homeLongitude", "longitude", r => r.HomeLongitude, FieldInput.Number, FieldGroup.Place),
        Field("homeRadiusMetres", "radius", r => r.HomeRadiusMetres, FieldInput.Number, FieldGroup.Place),
    ];

    internal override ImportKind Import => ImportKind.Resident;

    private protected override string Id(Resident record) => record.Id;

    private protected override string Subject(Resident record) => $"resident:{record.Id}";

    internal override async Task<object?> FindAsync(RecordsDb db, string id, string? owner, CancellationToken cancellation)
    {
        await LockAsync(db, "Residents", "Id", id, cancellation);
        return await db.Residents.FirstOrDefaultAsync(r => r.Id == id, cancellation);
    }

    internal override Task<object?> MakeAsync(EditTurn turn, string id, string? owner, CancellationToken cancellation) =>
        Task.FromResult<object?>(
            new Resident
            {
                Id = id,
                Name = "",
                Area = "",
                CreatedAt = turn.Now,
            }
        );

    internal override Task<bool> IsTakenAsync(RecordsDb db, string id, CancellationToken cancellation) =>
        db.Residents.IgnoreQueryFilters().AnyAsync(r => r.Id == id, cancellation);

    internal override void Read(RegistryRow row, object record, WholeFile whole)
    {
        var resident = (Resident)record;
        CheckId(row, "id", resident.Id);
        ResidentCells.Own(row, resident, whole);
        resident.VisitorId = row.Cell("visitor id", resident.VisitorId, null, text => text, v => v ?? "");
    }

    internal override async Task CheckAsync(EditTurn turn, RegistryRow row, object record, CancellationToken cancellation)
    {
        var resident = (Resident)record;
        resident.UpdatedAt = turn.Now;
        if (!row.Has("visitor id") || resident.VisitorId is not { } id)
            return;
        var entry = turn.Db.Entry(resident);
        var before = entry.State is EntityState.Added ? null : entry.Property(r => r.VisitorId).OriginalValue;
        var visitor = await turn.Db.Visitors.IgnoreQueryFilters().AsNoTracking().FirstOrDefaultAsync(v => v.Id == id, cancellation);
        if (visitor is null || !ResidentCells.MayVisit(visitor, resident, turn.By.Area, before == id))
            row.Wrong(
                "visitor id",
                id,
                new Wording("is no visitor of the registry who may visit here", "登记中没有可在此探访的此编号探访人")
            );
    }
}
