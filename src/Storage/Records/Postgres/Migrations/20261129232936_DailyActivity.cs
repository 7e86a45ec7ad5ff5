using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class DailyActivity : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "DailyActivity",
                columns: table => new
                {
                    ResidentId = table.Column<string>(type: "text", nullable: false),
                    Day = table.Column<DateOnly>(type: "date", nullable: false),
                    Rose = table.Column<int>(type: "integer", nullable: true),
                    BedExits = table.Column<int>(type: "integer", nullable: true),
                    ToiletVisits = table.Column<int>(type: "integer", nullable: true),
                    Meals = table.Column<int>(type: "integer", nullable: true),
                    MinutesOut = table.Column<int>(type: "integer", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_DailyActivity", x => new { x.ResidentId, x.Day });
                    table.ForeignKey(
                        name: "FK_DailyActivity_Residents_ResidentId",
                        column: x => x.ResidentId,
                        principalTable: "Residents",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "SlowChanges",
                columns: table => new
                {
                    ResidentId = table.Column<string>(type: "text", nullable: false),
                    Figure = table.Column<string>(type: "text", nullable: false),
                    FoundAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Month = table.Column<DateOnly>(type: "date", nullable: false),
                    Before = table.Column<double>(type: "double precision", nullable: false),
                    Now = table.Column<double>(type: "double precision", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_SlowChanges", x => new { x.ResidentId, x.FoundAt, x.Figure });
                    table.ForeignKey(
                        name: "FK_SlowChanges_Residents_ResidentId",
                        column: x => x.ResidentId,
                        principalTable: "Residents",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "DailyActivity");

            migrationBuilder.DropTable(
                name: "SlowChanges");
        }
    }
}
