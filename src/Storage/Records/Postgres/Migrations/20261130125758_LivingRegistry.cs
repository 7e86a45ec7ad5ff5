using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
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
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "RefusesLocation",
                table: "Residents",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "RefusesMonitoring",
                table: "Residents",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<DateTime>(
                name: "PlacedAt",
                table: "Devices",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<DateTime>(
                name: "RegisteredAt",
                table: "Devices",
                type: "timestamp with time zone",
                nullable: false,
                defaultValue: new DateTime(1, 1, 1, 0, 0, 0, 0, DateTimeKind.Unspecified));

            migrationBuilder.AddColumn<DateTime>(
                name: "RetiredAt",
                table: "Devices",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "StockArea",
                table: "Devices",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateTable(
                name: "Consents",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    ResidentId = table.Column<string>(type: "text", nullable: false),
                    Purpose = table.Column<string>(type: "text", nullable: false),
                    Decision = table.Column<string>(type: "text", nullable: false),
                    By = table.Column<string>(type: "text", nullable: false),
                    Name = table.Column<string>(type: "text", nullable: false),
                    Relation = table.Column<string>(type: "text", nullable: false),
                    On = table.Column<DateOnly>(type: "date", nullable: false),
                    How = table.Column<string>(type: "text", nullable: false),
                    RecordedBy = table.Column<string>(type: "text", nullable: false),
                    RecordedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    DataEndedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
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
                    DeviceId = table.Column<string>(type: "text", nullable: false),
                    Until = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ResidentId = table.Column<string>(type: "text", nullable: false),
                    From = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Profile = table.Column<string>(type: "text", nullable: false),
                    Label = table.Column<string>(type: "text", nullable: false)
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
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    Address = table.Column<string>(type: "text", nullable: false),
                    State = table.Column<int>(type: "integer", nullable: false),
                    DueAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Channel = table.Column<string>(type: "text", nullable: false),
                    Language = table.Column<string>(type: "text", nullable: false),
                    AskedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    AskedBy = table.Column<string>(type: "text", nullable: false),
                    Attempts = table.Column<int>(type: "integer", nullable: false),
                    Code = table.Column<string>(type: "text", nullable: true),
                    Provider = table.Column<string>(type: "text", nullable: false),
                    ProviderId = table.Column<string>(type: "text", nullable: true),
                    VerifiedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    FailedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Reason = table.Column<string>(type: "text", nullable: false),
                    ReasonZh = table.Column<string>(type: "text", nullable: false)
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
            migrationBuilder.Sql("""DROP TRIGGER "RegistryDevices" ON "Devices";""");
            migrationBuilder.Sql(Trigger($"{Watched}, {Added}"));
            migrationBuilder.Sql("""CREATE INDEX "IX_Devices_Id_Beginning" ON "Devices" ("Id" text_pattern_ops)""");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("""DROP TRIGGER "RegistryDevices" ON "Devices";""");
            migrationBuilder.Sql("""DROP INDEX "IX_Devices_Id_Beginning" """);
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
            CREATE TRIGGER "RegistryDevices" AFTER INSERT OR DELETE OR UPDATE OF {columns} ON "Devices"
            FOR EACH ROW EXECUTE FUNCTION "RegistryDevices"();
            """;
    }
}
