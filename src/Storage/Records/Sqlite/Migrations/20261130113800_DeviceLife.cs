using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class DeviceLife : Migration
    {
        /// <summary>Columns of devices whose change the running service takes over: those there were, and those of them that this adds.</summary>
        private const string Watched = "\"Profile\", \"ResidentId\", \"Label\", \"InstalledAt\", \"ReportMinutes\"",
            Added = "\"PlacedAt\", \"RegisteredAt\", \"RetiredAt\"";

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
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

            migrationBuilder.CreateIndex(
                name: "IX_FormerPlaces_ResidentId_Until",
                table: "FormerPlaces",
                columns: new[] { "ResidentId", "Until" });

            migrationBuilder.CreateIndex(
                name: "IX_FormerPlaces_Until",
                table: "FormerPlaces",
                column: "Until");

            // What was there before has had its grace.
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
                name: "FormerPlaces");

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
