using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class NoticeTemplate : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "Template",
                table: "Steps",
                type: "TEXT",
                nullable: false,
                defaultValue: "opened");

            migrationBuilder.AddColumn<string>(
                name: "Language",
                table: "Notices",
                type: "TEXT",
                nullable: false,
                defaultValue: "zh");

            migrationBuilder.AddColumn<string>(
                name: "Template",
                table: "Notices",
                type: "TEXT",
                nullable: false,
                defaultValue: "opened");

            migrationBuilder.CreateIndex(
                name: "IX_Notices_Address_SentAt",
                table: "Notices",
                columns: new[] { "Address", "SentAt" });

            migrationBuilder.AddCheckConstraint(
                name: "notice_finished",
                table: "Notices",
                sql: "\"State\" NOT IN (4, 6) OR \"FinishedAt\" IS NOT NULL");

            migrationBuilder.AddCheckConstraint(
                name: "notice_sending",
                table: "Notices",
                sql: "\"State\" <> 1 OR (\"Provider\" <> '' AND \"Attempts\" > 0)");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Notices_Address_SentAt",
                table: "Notices");

            migrationBuilder.DropCheckConstraint(
                name: "notice_finished",
                table: "Notices");

            migrationBuilder.DropCheckConstraint(
                name: "notice_sending",
                table: "Notices");

            migrationBuilder.DropColumn(
                name: "Template",
                table: "Steps");

            migrationBuilder.DropColumn(
                name: "Language",
                table: "Notices");

            migrationBuilder.DropColumn(
                name: "Template",
                table: "Notices");
        }
    }
}
