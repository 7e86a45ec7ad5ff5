using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// The records store: who lives where, what happened, who was told. One model for SQLite and PostgreSQL; each has its own migrations, which
/// only add. CHECK constraints hold the state machines: a program error can't write an alarm that is resolved by nobody.
/// </summary>
public abstract partial class RecordsDb(DbContextOptions options, FieldKeys? keys) : IdentityUserContext<User, Guid>(options)
{
    /// <summary>The area of somebody who may see nothing, and of the self-test's alarm: no area code begins with it.</summary>
    public const string Nowhere = "-";

    /// <summary>
    /// Which rows can be read and written: those of areas whose code begins with this; empty for all. See <see cref="FilterByArea"/>.
    /// </summary>
    public string Within { get; init; } = "";

    /// <summary>Behind all codes that begin with <see cref="Within"/>.</summary>
    internal string WithinEnd => Within + '\uFFFF';

    /// <summary>Opened for a person to read: the alarms and notices of the service's self-test are left out.</summary>
    public bool ForPeople { get; set; }

    /// <summary>Null for <c>dotnet ef</c> alone.</summary>
    public FieldKeys? Keys => keys;

    public DbSet<DailyDigest> Digests => Set<DailyDigest>();
    public DbSet<Webhook> Webhooks => Set<Webhook>();
    public DbSet<WebhookDelivery> WebhookDeliveries => Set<WebhookDelivery>();

    /// <summary>The queue of this process's writers to an SQLite file; null on PostgreSQL.</summary>
    internal WriteLine? WriteLine { get; init; }

    /// <summary>A statement without a transaction has its turn: <see cref="WritersInLine"/>.</summary>
    internal bool StandsInLine { get; set; }

    public DbSet<Resident> Residents => Set<Resident>();
    public DbSet<Contact> Contacts => Set<Contact>();
    public DbSet<Consent> Consents => Set<Consent>();
    public DbSet<Visitor> Visitors => Set<Visitor>();
    public DbSet<DutyOfficer> DutyOfficers => Set<DutyOfficer>();
    public DbSet<Shift> Shifts => Set<Shift>();
    public DbSet<Area> Areas => Set<Area>();
    public DbSet<Device> Devices => Set<Device>();
    public DbSet<FormerPlace> FormerPlaces => Set<FormerPlace>();
    public DbSet<Credential> Credentials => Set<Credential>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<Alarm> Alarms => Set<Alarm>();
    public DbSet<TimelineEntry> Timeline => Set<TimelineEntry>();
    public DbSet<EscalationStep> Steps => Set<EscalationStep>();
    public DbSet<Notice> Notices => Set<Notice>();
    public DbSet<BlockedNumber> BlockedNumbers => Set<BlockedNumber>();
    public DbSet<ReachTest> ReachTests => Set<ReachTest>();
    public DbSet<CommittedFinding> Findings => Set<CommittedFinding>();
    public DbSet<Absence> Absences => Set<Absence>();
    public DbSet<Visit> Visits => Set<Visit>();
    public DbSet<RejectedPayload> Rejected => Set<RejectedPayload>();
    public DbSet<UnboundDevice> Unbound => Set<UnboundDevice>();
    public DbSet<DeviceAnnouncement> Announcements => Set<DeviceAnnouncement>();
    public DbSet<AuditEntry> Audit => Set<AuditEntry>();
    public DbSet<DailyUse> DailyUse => Set<DailyUse>();
    public DbSet<DailyActivity> DailyActivity => Set<DailyActivity>();
    public DbSet<SlowChange> SlowChanges => Set<SlowChange>();
    public DbSet<RegistryChange> RegistryChanges => Set<RegistryChange>();
    public DbSet<ImportRun> ImportRuns => Set<ImportRun>();
    public DbSet<ImportPiece> ImportPieces => Set<ImportPiece>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        configurationBuilder.Properties<DateTime>().HaveConversion<UtcConverter>();
        configurationBuilder.Properties<Channel>().HaveConversion<WordConverter<Channel>>();
        configurationBuilder.Properties<DailyFigure>().HaveConversion<WordConverter<DailyFigure>>();
        configurationBuilder.Properties<Purpose>().HaveConversion<WordConverter<Purpose>>();
        configurationBuilder.Properties<ConsentDecision>().HaveConversion<WordConverter<ConsentDecision>>();
        configurationBuilder.Properties<ConsentBy>().HaveConversion<WordConverter<ConsentBy>>();
        configurationBuilder.Properties<RegistryPart>().HaveConversion<WordConverter<RegistryPart>>();
        configurationBuilder.Properties<MessageKind>().HaveConversion<WordConverter<MessageKind>>();
        configurationBuilder.Properties<TimelineEvent>().HaveConversion<WordConverter<TimelineEvent>>();
        configurationBuilder.Properties<IReadOnlyList<Channel>>().HaveConversion<WordsConverter<Channel>, WordsComparer<Channel>>();
    }

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        ConfigureAccounts(builder);
        ConfigureRecords(builder);
        FilterByArea(builder);
        AreaFilters.Simplify(builder, Within.Length > 0, ranges: Database.IsSqlite());
        if (keys is null)
            return;
        foreach (var (entity, property) in Sealed)
            builder
                .Entity(entity)
                .Property(property)
                .HasConversion(new SealedText(keys, ColumnName(entity, property), findable: !FreeText.Contains((entity, property))));
    }

    internal static string ColumnName(Type entity, string property) => $"{entity.Name.Split('`')[0]}.{property}";

    /// <remarks>
    /// A column's default is for rows that were there before the column was. <c>ValueGeneratedNever</c>: new rows are written with the
    /// value that the program gave them, also where that is the type's own default, instead of leaving it to the database.
    /// </remarks>
    private static void ConfigureRecords(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Resident>(e =>
        {
            e.HasIndex(r => new { r.Area, r.Id });
            e.HasIndex(r => new { r.VisitorId, r.Area }); // does a visitor come to this area?
            e.HasIndex(r => r.IdentityNumber); // two residents with one number are found at each edit
            e.HasIndex(r => r.UpdatedAt);
            e.HasIndex(r => r.Phone);
            e.HasMany(r => r.Contacts).WithOne().HasForeignKey(c => c.ResidentId).OnDelete(DeleteBehavior.Cascade);
            e.HasMany(r => r.Devices).WithOne().HasForeignKey(d => d.ResidentId).OnDelete(DeleteBehavior.SetNull);
            e.HasMany(r => r.Household).WithOne().HasForeignKey(m => m.ResidentId).OnDelete(DeleteBehavior.Cascade);
            e.HasOne(r => r.Visitor).WithMany().HasForeignKey(r => r.VisitorId).OnDelete(DeleteBehavior.SetNull);
        });
        modelBuilder.Entity<Device>(e =>
        {
            e.Ignore(d => d.Status);
            e.Ignore(d => d.SpeaksRetired);
            e.Ignore(d => d.Version);
            e.Property(d => d.StockArea).HasDefaultValue("").ValueGeneratedNever();
        });
        modelBuilder.Entity<FormerPlace>(e =>
        {
            e.HasKey(p => new { p.DeviceId, p.Until });
            e.HasIndex(p => new { p.ResidentId, p.Until });
            e.HasIndex(p => p.Until);
            e.HasOne<Resident>().WithMany().HasForeignKey(p => p.ResidentId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<HouseholdMember>().HasIndex(m => new { m.ResidentId, m.Order }).IsUnique();
        modelBuilder.Entity<Contact>(e =>
        {
            e.HasIndex(c => new { c.ResidentId, c.Order }).IsUnique();
            e.HasIndex(c => c.Phone);
            e.HasIndex(c => c.Mail);
        });
        modelBuilder.Entity<Device>(e =>
        {
            e.HasIndex(d => d.TestedAt);
            e.HasIndex(d => d.Label);
        });
        modelBuilder.Entity<Visitor>().HasIndex(v => v.Phone);
        modelBuilder.Entity<Consent>(e =>
        {
            e.Property(c => c.Id).ValueGeneratedNever();
            e.HasIndex(c => new { c.ResidentId, c.RecordedAt });
            e.HasOne<Resident>().WithMany().HasForeignKey(c => c.ResidentId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<Shift>(e =>
        {
            e.Property(s => s.Id).ValueGeneratedNever();
            e.HasIndex(s => s.Who);
            e.ToTable(t => t.HasCheckConstraint("shift_days", "\"Days\" BETWEEN 1 AND 127"));
        });
        modelBuilder.Entity<Area>().HasKey(a => a.Code);
        modelBuilder.Entity<Credential>().HasKey(c => c.Username);
        modelBuilder.Entity<DeviceAnnouncement>().HasKey(a => a.Topic);
        modelBuilder.Entity<ApiKey>().HasIndex(k => k.Hash).IsUnique();
        modelBuilder.Entity<Alarm>(e =>
        {
            e.Property(a => a.Id).ValueGeneratedNever();
            e.HasIndex(a => a.OpenKey).IsUnique();
            e.HasIndex(a => new
            {
                a.State,
                a.Severity,
                a.OpenedAt,
            });
            e.HasIndex(a => new { a.ResidentId, a.OpenedAt });
            e.HasIndex(a => a.OpenedAt);
            e.HasIndex(a => new
                {
                    a.Severity,
                    a.OpenedAt,
                    a.Id,
                })
                .IsDescending(true, true, false);
            e.HasIndex(a => a.ResolvedAt);
            e.HasIndex(a => a.SeenWellBy);
            e.Property(a => a.Version).IsConcurrencyToken();
            e.Property(a => a.Trace).HasDefaultValue("").ValueGeneratedNever();
            e.HasOne(a => a.Resident).WithMany().HasForeignKey(a => a.ResidentId).OnDelete(DeleteBehavior.SetNull);
            e.HasMany(a => a.Timeline).WithOne().HasForeignKey(t => t.AlarmId).OnDelete(DeleteBehavior.Cascade);
            e.HasMany(a => a.Steps).WithOne(s => s.Alarm).HasForeignKey(s => s.AlarmId).OnDelete(DeleteBehavior.Cascade);
            e.ToTable(t =>
            {
                t.HasCheckConstraint("alarm_state", "\"State\" BETWEEN 0 AND 3 AND \"Severity\" BETWEEN 0 AND 3");
                t.HasCheckConstraint(
                    "alarm_acknowledged",
                    "\"State\" NOT IN (1, 2) OR (\"AcknowledgedAt\" IS NOT NULL AND \"AcknowledgedBy\" IS NOT NULL)"
                );
                t.HasCheckConstraint(
                    "alarm_resolved",
                    "(\"State\" = 3) = (\"ResolvedAt\" IS NOT NULL AND \"ResolvedBy\" IS NOT NULL AND \"Resolution\" <> 0)"
                );
                t.HasCheckConstraint("alarm_open_key", "(\"State\" = 3) = (\"OpenKey\" IS NULL)");
            });
        });
        modelBuilder.Entity<EscalationStep>(e =>
        {
            e.Property(s => s.Id).ValueGeneratedNever();
            e.HasIndex(s => new { s.State, s.DueAt });
            e.HasIndex(s => new { s.AlarmId, s.Order });
            e.Property(s => s.Template).HasDefaultValue(MessageKind.Opened).ValueGeneratedNever();
            e.ComplexProperty(s => s.Note, InTwoColumns(nameof(EscalationStep.Note)));
            e.ToTable(t =>
            {
                t.HasCheckConstraint("step_started", "\"State\" NOT IN (1, 2) OR \"StartedAt\" IS NOT NULL");
                t.HasCheckConstraint("step_finished", "(\"State\" IN (2, 3, 4)) = (\"FinishedAt\" IS NOT NULL)");
            });
        });
        modelBuilder.Entity<Notice>(e =>
        {
            e.Property(n => n.Id).ValueGeneratedNever();
            e.HasIndex(n => new { n.State, n.DueAt });
            e.HasIndex(n => n.AlarmId);
            e.HasIndex(n => new { n.CreatedAt, n.Id }).IsDescending(true, false);
            e.HasIndex(n => n.ProviderId);
            e.HasIndex(n => n.DigestId).HasFilter("\"DigestId\" IS NOT NULL");
            e.HasIndex(n => new { n.Address, n.SentAt });
            e.Property(n => n.Language).HasDefaultValue("zh").ValueGeneratedNever();
            e.Property(n => n.Template).HasDefaultValue(MessageKind.Opened).ValueGeneratedNever();
            e.ToTable(t =>
            {
                t.HasCheckConstraint("notice_sent", "\"State\" NOT IN (2, 3) OR \"SentAt\" IS NOT NULL");
                t.HasCheckConstraint("notice_sending", "\"State\" <> 1 OR (\"Provider\" <> '' AND \"Attempts\" > 0)");
                t.HasCheckConstraint("notice_finished", "\"State\" NOT IN (4, 6) OR \"FinishedAt\" IS NOT NULL");
            });
        });
        modelBuilder.Entity<BlockedNumber>(e =>
        {
            e.Property(b => b.Id).ValueGeneratedNever();
            e.HasIndex(b => b.Address);
        });
        modelBuilder.Entity<ReachTest>(e =>
        {
            e.Property(t => t.Id).ValueGeneratedNever();
            e.HasIndex(t => t.Address).IsUnique();
            e.HasIndex(t => t.DueAt);
            e.HasIndex(t => t.ProviderId);
            e.Ignore(t => t.Reason);
            e.Property(t => t.ReasonEn).HasColumnName("Reason");
        });
        modelBuilder.Entity<TimelineEntry>().HasIndex(t => t.AlarmId);
        modelBuilder.Entity<CommittedFinding>(e =>
        {
            e.HasKey(f => f.Key);
            e.HasIndex(f => f.CommittedAt);
        });
        modelBuilder.Entity<Absence>(e =>
        {
            e.HasIndex(a => new { a.ResidentId, a.Until });
            e.HasIndex(a => new { a.From, a.Id }).IsDescending(true, false);
        });
        modelBuilder.Entity<Visit>(e =>
        {
            e.HasIndex(v => new
            {
                v.ResidentId,
                v.Time,
                v.Form,
            });
            e.HasIndex(v => new { v.Time, v.Id }).IsDescending(true, false);
        });
        modelBuilder.Entity<RejectedPayload>(e =>
        {
            e.HasIndex(r => r.Received);
            e.ComplexProperty(r => r.Reason, InTwoColumns(nameof(RejectedPayload.Reason)));
        });
        modelBuilder.Entity<AuditEntry>(e =>
        {
            e.HasIndex(a => a.Time);
            e.HasIndex(a => a.Subject);
            e.HasIndex(a => a.Place).IsUnique();
            e.HasIndex(a => a.Line).IsUnique();
        });
        modelBuilder.Entity<DailyDigest>(e =>
        {
            e.HasKey(d => new { d.ContactId, d.Day });
            e.HasIndex(d => new
            {
                d.SentAt,
                d.GivenUpAt,
                d.DueAt,
            });
            e.HasOne<Contact>().WithMany().HasForeignKey(d => d.ContactId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<ImportRun>().Property(i => i.Id).ValueGeneratedNever();
        modelBuilder.Entity<ImportPiece>(e =>
        {
            e.HasKey(p => p.Number);
            e.Property(p => p.Number).ValueGeneratedNever();
        });
        modelBuilder.Entity<DailyUse>().HasKey(d => new { d.ResidentId, d.Day });
        modelBuilder.Entity<DailyActivity>(e =>
        {
            e.HasKey(d => new { d.ResidentId, d.Day });
            e.HasOne<Resident>().WithMany().HasForeignKey(d => d.ResidentId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<RegistryChange>(e =>
        {
            e.HasKey(c => c.Sequence);
            e.HasIndex(c => c.ChangedAt);
            e.HasIndex(c => c.Transaction);
        });
        modelBuilder.Entity<SlowChange>(e =>
        {
            e.HasKey(c => new
            {
                c.ResidentId,
                c.FoundAt,
                c.Figure,
            });
            e.HasOne<Resident>().WithMany().HasForeignKey(c => c.ResidentId).OnDelete(DeleteBehavior.Cascade);
        });
    }

    /// <summary>English in the column of this name, Chinese in one with Zh behind the name.</summary>
    private static Action<ComplexPropertyBuilder<Wording>> InTwoColumns(string column) =>
        words =>
        {
            words.Property(w => w.En).HasColumnName(column);
            words.Property(w => w.Zh).HasColumnName(column + "Zh");
        };

    /// <summary>Columns that are encrypted at rest, with the property each belongs to.</summary>
    internal static readonly IReadOnlyList<(Type Entity, string Property)> Sealed =
    [
        (typeof(Resident), nameof(Resident.IdentityNumber)),
        (typeof(Resident), nameof(Resident.Phone)),
        (typeof(Contact), nameof(Contact.Phone)),
        (typeof(Visitor), nameof(Visitor.Phone)),
        (typeof(DutyOfficer), nameof(DutyOfficer.Phone)),
        (typeof(Notice), nameof(Notice.Address)),
        (typeof(BlockedNumber), nameof(BlockedNumber.Address)),
        (typeof(ReachTest), nameof(ReachTest.Address)),
        (typeof(IdentityUserToken<Guid>), nameof(IdentityUserToken<Guid>.Value)),
        (typeof(User), nameof(User.PhoneNumber)),
        (typeof(Webhook), nameof(Webhook.Secret)),
        (typeof(Resident), nameof(Resident.DisabilityCertificate)),
        (typeof(HouseholdMember), nameof(HouseholdMember.IdentityNumber)),
        (typeof(HouseholdMember), nameof(HouseholdMember.Health)),
        (typeof(Contact), nameof(Contact.Mail)),
        (typeof(Visitor), nameof(Visitor.Mail)),
        (typeof(DutyOfficer), nameof(DutyOfficer.Mail)),
        (typeof(DutyOfficer), nameof(DutyOfficer.Webhook)),
        (typeof(Visit), nameof(Visit.Condition)),
        (typeof(Visit), nameof(Visit.Needs)),
        (typeof(Visit), nameof(Visit.Actions)),
        (typeof(Visit), nameof(Visit.Notes)),
        (typeof(ImportPiece), nameof(ImportPiece.Content)),
    ];

    /// <summary>
    /// Those of <see cref="Sealed"/> that hold free text. No row is looked up by them, so equal texts (healthy, ill) are stored differently
    /// and can't be recognised as equal.
    /// </summary>
    private static readonly IReadOnlyList<(Type Entity, string Property)> FreeText =
    [
        (typeof(HouseholdMember), nameof(HouseholdMember.Health)),
        (typeof(Visit), nameof(Visit.Condition)),
        (typeof(Visit), nameof(Visit.Needs)),
        (typeof(Visit), nameof(Visit.Actions)),
        (typeof(Visit), nameof(Visit.Notes)),
        (typeof(ImportPiece), nameof(ImportPiece.Content)),
    ];

    /// <summary>All times are UTC. SQLite doesn't store the <see cref="DateTimeKind"/>, so it is set when they are read.</summary>
    private sealed class UtcConverter()
        : ValueConverter<DateTime, DateTime>(
            v => v.Kind == DateTimeKind.Utc ? v : DateTime.SpecifyKind(v, DateTimeKind.Utc),
            v => DateTime.SpecifyKind(v, DateTimeKind.Utc)
        );
}

/// <summary>Records in an SQLite file.</summary>
public sealed class SqliteRecords(DbContextOptions<SqliteRecords> options, FieldKeys? keys = null) : RecordsDb(options, keys);

/// <summary>Records in PostgreSQL.</summary>
public sealed class PostgresRecords(DbContextOptions<PostgresRecords> options, FieldKeys? keys = null) : RecordsDb(options, keys);
