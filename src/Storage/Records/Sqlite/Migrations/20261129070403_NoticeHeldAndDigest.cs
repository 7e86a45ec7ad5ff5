using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class NoticeHeldAndDigest : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<Guid>(
                name: "DigestId",
                table: "Notices",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "Held",
                table: "Notices",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<string>(
                name: "Link",
                table: "Notices",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateIndex(
                name: "IX_Notices_DigestId",
                table: "Notices",
                column: "DigestId",
                filter: "\"DigestId\" IS NOT NULL");

            // What was told by a sentence until now.
            migrationBuilder.Sql("""UPDATE "Notices" SET "Held" = 1 WHERE "Note" = 'kept until the provider is back'""");
            migrationBuilder.Sql("""UPDATE "Notices" SET "DigestId" = upper(substr("Note", 15)) WHERE "Note" LIKE 'in the digest ________-%'""");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Notices_DigestId",
                table: "Notices");

            migrationBuilder.DropColumn(
                name: "DigestId",
                table: "Notices");

            migrationBuilder.DropColumn(
                name: "Held",
                table: "Notices");

            migrationBuilder.DropColumn(
                name: "Link",
                table: "Notices");
        }
    }
}
