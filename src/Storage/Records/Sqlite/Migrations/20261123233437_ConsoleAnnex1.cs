using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class ConsoleAnnex1 : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "Satisfaction",
                table: "Visits",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "DisabilityCertificate",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "DrinkingWater",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "ElectricitySafety",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<DateOnly>(
                name: "FiledOn",
                table: "Residents",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "GasSafety",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "Help",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "HelpContact",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "HelpedBy",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "Housing",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<double>(
                name: "MonthlyBenefits",
                table: "Residents",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "MonthlyIncome",
                table: "Residents",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "MonthlyPension",
                table: "Residents",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "RegisteredAddress",
                table: "Residents",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<DateTime>(
                name: "WatchFrom",
                table: "Areas",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "HouseholdMember",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    ResidentId = table.Column<string>(type: "TEXT", nullable: false),
                    Order = table.Column<int>(type: "INTEGER", nullable: false),
                    Name = table.Column<string>(type: "TEXT", nullable: false),
                    Gender = table.Column<string>(type: "TEXT", nullable: false),
                    IdentityNumber = table.Column<string>(type: "TEXT", nullable: false),
                    Relation = table.Column<string>(type: "TEXT", nullable: false),
                    Health = table.Column<string>(type: "TEXT", nullable: false),
                    Supported = table.Column<bool>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_HouseholdMember", x => x.Id);
                    table.ForeignKey(
                        name: "FK_HouseholdMember_Residents_ResidentId",
                        column: x => x.ResidentId,
                        principalTable: "Residents",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "IX_HouseholdMember_ResidentId_Order",
                table: "HouseholdMember",
                columns: new[] { "ResidentId", "Order" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "HouseholdMember");

            migrationBuilder.DropColumn(
                name: "Satisfaction",
                table: "Visits");

            migrationBuilder.DropColumn(
                name: "DisabilityCertificate",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "DrinkingWater",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "ElectricitySafety",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "FiledOn",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "GasSafety",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "Help",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "HelpContact",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "HelpedBy",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "Housing",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "MonthlyBenefits",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "MonthlyIncome",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "MonthlyPension",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "RegisteredAddress",
                table: "Residents");

            migrationBuilder.DropColumn(
                name: "WatchFrom",
                table: "Areas");
        }
    }
}
