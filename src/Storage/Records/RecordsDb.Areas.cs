using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// Says which rows belong to which area, for all tables in one place. A context opened for an area neither reads nor writes rows outside
/// it (but reads the areas above it), so that no endpoint or page can forget the check. A test makes sure that each table has a filter here
/// or is listed in <see cref="OfNoArea"/>.
/// </summary>
public abstract partial class RecordsDb
{
    /// <summary>
    /// Tables without an area: devices that belong to no home yet and their announcements; the audit log, which has access rules of its
    /// own; tables of ASP.NET Core Identity beside its users.
    /// </summary>
    internal static readonly IReadOnlyList<Type> OfNoArea =
    [
        typeof(UnboundDevice),
        typeof(DeviceAnnouncement),
        typeof(AuditEntry),
        typeof(IdentityUserClaim<Guid>),
        typeof(IdentityUserLogin<Guid>),
        typeof(IdentityUserToken<Guid>),
    ];

    private static void ConfigureAccounts(ModelBuilder model)
    {
        model.Entity<User>(e =>
        {
            e.ToTable("Users");
            e.Property(u => u.Id).ValueGeneratedNever();
        });
        model.Entity<IdentityUserClaim<Guid>>().ToTable("UserClaims");
        model.Entity<IdentityUserLogin<Guid>>().ToTable("UserLogins");
        model.Entity<IdentityUserToken<Guid>>().ToTable("UserTokens");
        model.Entity<Webhook>().Property(w => w.Id).ValueGeneratedNever();
        model.Entity<WebhookDelivery>(e =>
        {
            e.Property(d => d.Id).ValueGeneratedNever();
            e.HasIndex(d => new
            {
                d.DeliveredAt,
                d.GivenUpAt,
                d.DueAt,
            });
            e.ComplexProperty(d => d.Note, InTwoColumns(nameof(WebhookDelivery.Note)));
            e.HasOne<Webhook>().WithMany().HasForeignKey(d => d.WebhookId).OnDelete(DeleteBehavior.Cascade);
        });
    }

    private void FilterByArea(ModelBuilder model)
    {
        model.Entity<Resident>().HasQueryFilter(r => Within == "" || r.Area.StartsWith(Within));
        model
            .Entity<Contact>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<Consent>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<DailyDigest>()
            .HasQueryFilter(d =>
                Within == ""
                || Set<Contact>()
                    .Any(c => c.Id == d.ContactId && Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)))
            );
        model
            .Entity<HouseholdMember>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<Absence>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<Visit>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<DailyUse>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<DailyActivity>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<SlowChange>()
            .HasQueryFilter(c => Within == "" || Set<Resident>().Any(r => r.Id == c.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<Device>()
            .HasQueryFilter(d =>
                Within == ""
                || Set<Resident>().Any(r => r.Id == d.ResidentId && r.Area.StartsWith(Within))
                || (d.ResidentId == null && d.StockArea.StartsWith(Within))
            );
        model
            .Entity<FormerPlace>()
            .HasQueryFilter(p => Within == "" || Set<Resident>().Any(r => r.Id == p.ResidentId && r.Area.StartsWith(Within)));
        model
            .Entity<Visitor>()
            .HasQueryFilter(v =>
                Within == "" || v.Area.StartsWith(Within) || Set<Resident>().Any(r => r.VisitorId == v.Id && r.Area.StartsWith(Within))
            );
        model.Entity<DutyOfficer>().HasQueryFilter(o => Within == "" || o.Area.StartsWith(Within));
        model
            .Entity<Shift>()
            .HasQueryFilter(s =>
                Within == ""
                || Set<DutyOfficer>().Any(o => s.Who == "officer:" + o.Id && o.Area.StartsWith(Within))
                || Set<Visitor>().Any(v => s.Who == "visitor:" + v.Id && v.Area.StartsWith(Within))
            );
        // A town's and a county's heightened watch holds in their villages: who is bound to a village sees the areas above it, and changes
        // none of them (RefuseOutside).
        model.Entity<Area>().HasQueryFilter(a => Within == "" || a.Code.StartsWith(Within) || Within.StartsWith(a.Code));
        model.Entity<Alarm>().HasQueryFilter(a => (Within == "" || a.Area.StartsWith(Within)) && (!ForPeople || a.Area != Nowhere));
        model
            .Entity<TimelineEntry>()
            .HasQueryFilter(t => Within == "" || Set<Alarm>().Any(a => a.Id == t.AlarmId && a.Area.StartsWith(Within)));
        model
            .Entity<EscalationStep>()
            .HasQueryFilter(s => Within == "" || Set<Alarm>().Any(a => a.Id == s.AlarmId && a.Area.StartsWith(Within)));
        model
            .Entity<Notice>()
            .HasQueryFilter(n =>
                (Within == "" || Set<Alarm>().Any(a => a.Id == n.AlarmId && a.Area.StartsWith(Within)))
                && (!ForPeople || n.Recipient != SelfTest.Name)
            );
        model
            .Entity<RejectedPayload>()
            .HasQueryFilter(p =>
                Within == ""
                // Since it is in the home that it is in, or while it was in one.
                || Set<Device>()
                    .Any(d =>
                        d.Id == p.Device
                        && (d.PlacedAt == null || p.Received >= d.PlacedAt)
                        && Set<Resident>().Any(r => r.Id == d.ResidentId && r.Area.StartsWith(Within))
                    )
                || Set<FormerPlace>()
                    .Any(f =>
                        f.DeviceId == p.Device
                        && p.Received < f.Until
                        && (f.From == null || p.Received >= f.From)
                        && Set<Resident>().Any(r => r.Id == f.ResidentId && r.Area.StartsWith(Within))
                    )
            );
        model.Entity<ImportRun>().HasQueryFilter(r => Within == "");
        model.Entity<ImportPiece>().HasQueryFilter(p => Within == "");
        model.Entity<BlockedNumber>().HasQueryFilter(b => Within == "");
        model.Entity<ReachTest>().HasQueryFilter(t => Within == "");
        model.Entity<CommittedFinding>().HasQueryFilter(f => Within == "");
        model.Entity<RegistryChange>().HasQueryFilter(c => Within == "");
        model.Entity<Credential>().HasQueryFilter(c => Within == "");
        model.Entity<ApiKey>().HasQueryFilter(k => Within == "" || k.Area.StartsWith(Within));
        model.Entity<User>().HasQueryFilter(u => Within == "" || u.Area.StartsWith(Within));
        model.Entity<Webhook>().HasQueryFilter(w => Within == "" || w.Area.StartsWith(Within));
        model
            .Entity<WebhookDelivery>()
            .HasQueryFilter(d => Within == "" || Set<Webhook>().Any(w => w.Id == d.WebhookId && w.Area.StartsWith(Within)));
    }

    public override int SaveChanges(bool acceptAllChangesOnSuccess)
    {
        RefuseOutside();
        return base.SaveChanges(acceptAllChangesOnSuccess);
    }

    /// <summary>Outside of a <see cref="WriteTurn"/> it stands in the line of writers like everybody who can wait.</summary>
    public override async Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        RefuseOutside();
        if (WriteLine is not { } line || Database.CurrentTransaction is not null)
            return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
        await line.EnterAsync(goesFirst: false, cancellationToken);
        try
        {
            return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
        }
        finally
        {
            line.Leave();
        }
    }

    /// <summary>Refuses to write rows of other areas, or to move a row there.</summary>
    private void RefuseOutside()
    {
        if (Within.Length == 0)
            return;
        foreach (
            var entry in ChangeTracker.Entries().Where(e => e.State is EntityState.Added or EntityState.Modified or EntityState.Deleted)
        )
        {
            if (
                entry.Metadata.FindProperty(entry.Entity is Area ? nameof(Area.Code) : "Area") is { } area
                && entry.Property(area).CurrentValue is string code
                && !code.StartsWith(Within, StringComparison.Ordinal)
            )
                throw new UnauthorizedAccessException($"{entry.Metadata.ClrType.Name} of area '{code}' lies outside '{Within}'");
        }
    }
}
