using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class RegistryChanges : Migration
    {
        /// <summary>Tables, their part of the registry, the column that names it, and the columns that count, where not all do.</summary>
        private static readonly (string Table, string Part, string Key, string Of)[] Watched =
        [
            ("Residents", "home", "Id", ""),
            ("Contacts", "home", "ResidentId", ""),
            ("HouseholdMember", "home", "ResidentId", ""),
            ("Absences", "home", "ResidentId", ""),
            // Not when it was last seen or tested.
            ("Devices", "device", "Id", "\"Profile\", \"ResidentId\", \"Label\", \"InstalledAt\", \"ReportMinutes\""),
            ("Areas", "area", "Code", ""),
            ("Visitors", "visitor", "Id", ""),
            ("DutyOfficers", "officer", "Id", ""),
            ("Shifts", "shift", "Id", ""),
        ];

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "RegistryChanges",
                columns: table => new
                {
                    Sequence = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    Part = table.Column<string>(type: "TEXT", nullable: false),
                    Subject = table.Column<string>(type: "TEXT", nullable: false),
                    ChangedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    Transaction = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_RegistryChanges", x => x.Sequence);
                });

            migrationBuilder.CreateIndex(
                name: "IX_RegistryChanges_ChangedAt",
                table: "RegistryChanges",
                column: "ChangedAt");

            migrationBuilder.CreateIndex(
                name: "IX_RegistryChanges_Transaction",
                table: "RegistryChanges",
                column: "Transaction");

            foreach (var (table, part, key, of) in Watched)
                foreach (var (when, row) in new[] { ("INSERT", "NEW"), (of.Length > 0 ? $"UPDATE OF {of}" : "UPDATE", "NEW"), ("DELETE", "OLD") })
                    migrationBuilder.Sql(
                        $"""
                        CREATE TRIGGER "Registry{table}{when.Split(' ')[0]}" AFTER {when} ON "{table}"
                        BEGIN
                            INSERT INTO "RegistryChanges" ("Part", "Subject", "ChangedAt", "Transaction")
                            VALUES ('{part}', {row}."{key}", strftime('%Y-%m-%d %H:%M:%f', 'now'), 0);
                        END
                        """
                    );
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            foreach (var (table, _, _, _) in Watched)
                foreach (var when in new[] { "INSERT", "UPDATE", "DELETE" })
                    migrationBuilder.Sql($"""DROP TRIGGER "Registry{table}{when}" """);
            migrationBuilder.DropTable(
                name: "RegistryChanges");
        }
    }
}
