using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>The records store: who lives where, what happened, who was told. One model for SQLite and PostgreSQL.</summary>
public abstract class RecordsDb(DbContextOptions options) : DbContext(options)
{
    public DbSet<Resident> Residents => Set<Resident>();
    public DbSet<Contact> Contacts => Set<Contact>();
    public DbSet<Visitor> Visitors => Set<Visitor>();
    public DbSet<DutyOfficer> DutyOfficers => Set<DutyOfficer>();
    public DbSet<Area> Areas => Set<Area>();
    public DbSet<Device> Devices => Set<Device>();
    public DbSet<Credential> Credentials => Set<Credential>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<Alarm> Alarms => Set<Alarm>();
    public DbSet<TimelineEntry> Timeline => Set<TimelineEntry>();
    public DbSet<EscalationStep> Steps => Set<EscalationStep>();
    public DbSet<Notice> Notices => Set<Notice>();
    public DbSet<CommittedFinding> Findings => Set<CommittedFinding>();
    public DbSet<Absence> Absences => Set<Absence>();
    public DbSet<Visit> Visits => Set<Visit>();
    public DbSet<RejectedPayload> Rejected => Set<RejectedPayload>();
    public DbSet<UnboundDevice> Unbound => Set<UnboundDevice>();
    public DbSet<AuditEntry> Audit => Set<AuditEntry>();
    public DbSet<DailyUse> DailyUse => Set<DailyUse>();
}
