using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class WordsInChinese : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "NoteZh",
                table: "WebhookDeliveries",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "NoteZh",
                table: "Steps",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "ReasonZh",
                table: "Rejected",
                type: "TEXT",
                nullable: false,
                defaultValue: "");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "NoteZh",
                table: "WebhookDeliveries");

            migrationBuilder.DropColumn(
                name: "NoteZh",
                table: "Steps");

            migrationBuilder.DropColumn(
                name: "ReasonZh",
                table: "Rejected");
        }
    }
}
