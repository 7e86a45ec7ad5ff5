using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
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
                    Sequence = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    Part = table.Column<string>(type: "text", nullable: false),
                    Subject = table.Column<string>(type: "text", nullable: false),
                    ChangedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Transaction = table.Column<long>(type: "bigint", nullable: false)
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
                migrationBuilder.Sql(
                    $"""
                    CREATE FUNCTION "Registry{table}"() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        INSERT INTO "RegistryChanges" ("Part", "Subject", "ChangedAt", "Transaction")
                        VALUES (
                            '{part}',
                            (CASE WHEN TG_OP = 'DELETE' THEN OLD."{key}" ELSE NEW."{key}" END)::text,
                            now(),
                            pg_current_xact_id()::text::bigint
                        );
                        RETURN NULL;
                    END
                    $$;
                    CREATE TRIGGER "Registry{table}" AFTER INSERT OR DELETE OR UPDATE {(of.Length > 0 ? $"OF {of}" : "")} ON "{table}"
                    FOR EACH ROW EXECUTE FUNCTION "Registry{table}"();
                    """
                );
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            foreach (var (table, _, _, _) in Watched)
                migrationBuilder.Sql($"""DROP TRIGGER "Registry{table}" ON "{table}"; DROP FUNCTION "Registry{table}"();""");
            migrationBuilder.DropTable(
                name: "RegistryChanges");
        }
    }
}
