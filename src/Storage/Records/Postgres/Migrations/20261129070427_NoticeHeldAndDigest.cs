using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
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
                type: "uuid",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "Held",
                table: "Notices",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<string>(
                name: "Link",
                table: "Notices",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateIndex(
                name: "IX_Notices_DigestId",
                table: "Notices",
                column: "DigestId",
                filter: "\"DigestId\" IS NOT NULL");

            // What was told by a sentence until now.
            migrationBuilder.Sql("""UPDATE "Notices" SET "Held" = TRUE WHERE "Note" = 'kept until the provider is back'""");
            migrationBuilder.Sql("""UPDATE "Notices" SET "DigestId" = substring("Note" from 15)::uuid WHERE "Note" LIKE 'in the digest ________-%'""");
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
