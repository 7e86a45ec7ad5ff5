using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class ReachTests : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
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

            // A device is searched for by the beginning of its id; the primary key's order is the language's, which finds no beginnings.
            migrationBuilder.Sql("""CREATE INDEX "IX_Devices_Id_Beginning" ON "Devices" ("Id" text_pattern_ops)""");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("""DROP INDEX "IX_Devices_Id_Beginning" """);
            migrationBuilder.DropTable(
                name: "ReachTests");

            migrationBuilder.DropIndex(
                name: "IX_Visitors_Phone",
                table: "Visitors");

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
        }
    }
}
