using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class NotifyRota : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateOnly>(
                name: "AwayFrom",
                table: "Visitors",
                type: "date",
                nullable: true);

            migrationBuilder.AddColumn<DateOnly>(
                name: "AwayUntil",
                table: "Visitors",
                type: "date",
                nullable: true);

            migrationBuilder.AddColumn<DateOnly>(
                name: "AwayFrom",
                table: "DutyOfficers",
                type: "date",
                nullable: true);

            migrationBuilder.AddColumn<DateOnly>(
                name: "AwayUntil",
                table: "DutyOfficers",
                type: "date",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "SubstituteId",
                table: "DutyOfficers",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "Shifts",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    Who = table.Column<string>(type: "text", nullable: false),
                    Days = table.Column<int>(type: "integer", nullable: false),
                    From = table.Column<TimeOnly>(type: "time without time zone", nullable: false),
                    Until = table.Column<TimeOnly>(type: "time without time zone", nullable: false),
                    FirstDay = table.Column<DateOnly>(type: "date", nullable: true),
                    LastDay = table.Column<DateOnly>(type: "date", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Shifts", x => x.Id);
                    table.CheckConstraint("shift_days", "\"Days\" BETWEEN 1 AND 127");
                });

            migrationBuilder.CreateIndex(
                name: "IX_Shifts_Who",
                table: "Shifts",
                column: "Who");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "Shifts");

            migrationBuilder.DropColumn(
                name: "AwayFrom",
                table: "Visitors");

            migrationBuilder.DropColumn(
                name: "AwayUntil",
                table: "Visitors");

            migrationBuilder.DropColumn(
                name: "AwayFrom",
                table: "DutyOfficers");

            migrationBuilder.DropColumn(
                name: "AwayUntil",
                table: "DutyOfficers");

            migrationBuilder.DropColumn(
                name: "SubstituteId",
                table: "DutyOfficers");
        }
    }
}
