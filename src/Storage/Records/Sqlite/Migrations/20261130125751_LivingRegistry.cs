using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class LivingRegistry : Migration
    {
        private const string Watched = "\"Profile\", \"ResidentId\", \"Label\", \"InstalledAt\", \"ReportMinutes\"",
            Added = "\"PlacedAt\", \"RegisteredAt\", \"RetiredAt\"";

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "RefusesHealth",
                table: "Residents",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "RefusesLocation",
                table: "Residents",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "RefusesMonitoring",
                table: "Residents",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<DateTime>(
                name: "PlacedAt",
                table: "Devices",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<DateTime>(
                name: "RegisteredAt",
                table: "Devices",
                type: "TEXT",
                nullable: false,
                defaultValue: new DateTime(1, 1, 1, 0, 0, 0, 0, DateTimeKind.Unspecified));

            migrationBuilder.AddColumn<DateTime>(
                name: "RetiredAt",
                table: "Devices",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "StockArea",
                table: "Devices",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateTable(
                name: "Consents",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    ResidentId = table.Column<string>(type: "TEXT", nullable: false),
                    Purpose = table.Column<string>(type: "TEXT", nullable: false),
                    Decision = table.Column<string>(type: "TEXT", nullable: false),
                    By = table.Column<string>(type: "TEXT", nullable: false),
                    Name = table.Column<string>(type: "TEXT", nullable: false),
                    Relation = table.Column<string>(type: "TEXT", nullable: false),
                    On = table.Column<DateOnly>(type: "TEXT", nullable: false),
                    How = table.Column<string>(type: "TEXT", nullable: false),
                    RecordedBy = table.Column<string>(type: "TEXT", nullable: false),
                    RecordedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    DataEndedAt = table.Column<DateTime>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Consents", x => x.Id);
                    table.ForeignKey(
                        name: "FK_Consents_Residents_ResidentId",
                        column: x => x.ResidentId,
                        principalTable: "Residents",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "FormerPlaces",
                columns: table => new
                {
                    DeviceId = table.Column<string>(type: "TEXT", nullable: false),
                    Until = table.Column<DateTime>(type: "TEXT", nullable: false),
                    ResidentId = table.Column<string>(type: "TEXT", nullable: false),
                    From = table.Column<DateTime>(type: "TEXT", nullable: true),
                    Profile = table.Column<string>(type: "TEXT", nullable: false),
                    Label = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_FormerPlaces", x => new { x.DeviceId, x.Until });
                    table.ForeignKey(
                        name: "FK_FormerPlaces_Residents_ResidentId",
                        column: x => x.ResidentId,
                        principalTable: "Residents",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "ReachTests",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    Address = table.Column<string>(type: "TEXT", nullable: false),
                    State = table.Column<int>(type: "INTEGER", nullable: false),
                    DueAt = table.Column<DateTime>(type: "TEXT", nullable: true),
                    Channel = table.Column<string>(type: "TEXT", nullable: false),
                    Language = table.Column<string>(type: "TEXT", nullable: false),
                    AskedAt = table.Column<DateTime>(type: "TEXT", nullable: true),
                    AskedBy = table.Column<string>(type: "TEXT", nullable: false),
                    Attempts = table.Column<int>(type: "INTEGER", nullable: false),
                    Code = table.Column<string>(type: "TEXT", nullable: true),
                    Provider = table.Column<string>(type: "TEXT", nullable: false),
                    ProviderId = table.Column<string>(type: "TEXT", nullable: true),
                    VerifiedAt = table.Column<DateTime>(type: "TEXT", nullable: true),
                    FailedAt = table.Column<DateTime>(type: "TEXT", nullable: true),
                    Reason = table.Column<string>(type: "TEXT", nullable: false),
                    ReasonZh = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ReachTests", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_Visitors_Phone",
                table: "Visitors",
                column: "Phone");

            migrationBuilder.CreateIndex(
                name: "IX_Residents_IdentityNumber",
                table: "Residents",
                column: "IdentityNumber");

            migrationBuilder.CreateIndex(
                name: "IX_Residents_Phone",
                table: "Residents",
                column: "Phone");

            migrationBuilder.CreateIndex(
                name: "IX_Devices_Label",
                table: "Devices",
                column: "Label");

            migrationBuilder.CreateIndex(
                name: "IX_Devices_TestedAt",
                table: "Devices",
                column: "TestedAt");

            migrationBuilder.CreateIndex(
                name: "IX_Contacts_Mail",
                table: "Contacts",
                column: "Mail");

            migrationBuilder.CreateIndex(
                name: "IX_Contacts_Phone",
                table: "Contacts",
                column: "Phone");

            migrationBuilder.CreateIndex(
                name: "IX_Audit_Subject",
                table: "Audit",
                column: "Subject");

            migrationBuilder.CreateIndex(
                name: "IX_Consents_ResidentId_RecordedAt",
                table: "Consents",
                columns: new[] { "ResidentId", "RecordedAt" });

            migrationBuilder.CreateIndex(
                name: "IX_FormerPlaces_ResidentId_Until",
                table: "FormerPlaces",
                columns: new[] { "ResidentId", "Until" });

            migrationBuilder.CreateIndex(
                name: "IX_FormerPlaces_Until",
                table: "FormerPlaces",
                column: "Until");

            migrationBuilder.CreateIndex(
                name: "IX_ReachTests_Address",
                table: "ReachTests",
                column: "Address",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_ReachTests_DueAt",
                table: "ReachTests",
                column: "DueAt");

            migrationBuilder.CreateIndex(
                name: "IX_ReachTests_ProviderId",
                table: "ReachTests",
                column: "ProviderId");

            migrationBuilder.Sql("""UPDATE "Devices" SET "RegisteredAt" = "InstalledAt" """);
            // SQLite can't change a trigger.
            migrationBuilder.Sql("""DROP TRIGGER "RegistryDevicesUPDATE" """);
            migrationBuilder.Sql(Trigger($"{Watched}, {Added}"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("""DROP TRIGGER "RegistryDevicesUPDATE" """);
            migrationBuilder.DropTable(
                name: "Consents");

            migrationBuilder.DropTable(
                name: "FormerPlaces");

            migrationBuilder.DropTable(
                name: "ReachTests");

            migrationBuilder.DropIndex(
                name: "IX_Visitors_Phone",
                table: "Visitors");

            migrationBuilder.DropIndex(
                name: "IX_Residents_IdentityNumber",
                table: "Residents");

            migrationBuilder.DropIndex(
                name: "IX_Residents_Phone",
                table: "Residents");

            migrationBuilder.DropIndex(
                name: "IX_Devices_Label",
                table: "Devices");

            migrationBuilder.DropIndex(
                name: "IX_Devices_TestedAt",
                table: "Devices");

            migrationBuilder.DropIndex(
                name: "IX_Contacts_Mail",
                table: "Contacts");

            migrationBuilder.DropIndex(
                name: "IX_Contacts_Phone",
                table: "Contacts");

            migrationBuilder.DropIndex(
                name: "IX_Audit_Subject",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "RefusesHealth",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "RefusesLocation",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "RefusesMonitoring",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "PlacedAt",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "RegisteredAt",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "RetiredAt",
                table: "Devices");

            migrationBuilder.DropColumn(
                name: "StockArea",
                table: "Devices");
            migrationBuilder.Sql(Trigger(Watched));
        }

        private static string Trigger(string columns) =>
            $"""
            CREATE TRIGGER "RegistryDevicesUPDATE" AFTER UPDATE OF {columns} ON "Devices"
            BEGIN
                INSERT INTO "RegistryChanges" ("Part", "Subject", "ChangedAt", "Transaction")
                VALUES ('device', NEW."Id", strftime('%Y-%m-%d %H:%M:%f', 'now'), 0);
            END
            """;
    }
}
