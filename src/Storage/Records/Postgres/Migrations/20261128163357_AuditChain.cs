using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AuditChain : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "AlarmDigest",
                table: "Audit",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "Line",
                table: "Audit",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "LineDigest",
                table: "Audit",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "Place",
                table: "Audit",
                type: "bigint",
                nullable: true);

            // Rows of before keep the order and the hashes they have.
            migrationBuilder.Sql("UPDATE \"Audit\" SET \"Place\" = x.n FROM (SELECT \"Id\" AS i, ROW_NUMBER() OVER (ORDER BY \"Id\") AS n FROM \"Audit\") AS x WHERE x.i = \"Audit\".\"Id\"");

            migrationBuilder.CreateIndex(
                name: "IX_Audit_Line",
                table: "Audit",
                column: "Line",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_Audit_Place",
                table: "Audit",
                column: "Place",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Audit_Line",
                table: "Audit");

            migrationBuilder.DropIndex(
                name: "IX_Audit_Place",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "AlarmDigest",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "Line",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "LineDigest",
                table: "Audit");

            migrationBuilder.DropColumn(
                name: "Place",
                table: "Audit");
        }
    }
}
