using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
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
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "NoteZh",
                table: "Steps",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "ReasonZh",
                table: "Rejected",
                type: "text",
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
