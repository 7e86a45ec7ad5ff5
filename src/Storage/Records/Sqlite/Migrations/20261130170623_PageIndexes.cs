using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Vigil.Storage.Records.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class PageIndexes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Visits_ResidentId_Time",
                table: "Visits");

            migrationBuilder.DropIndex(
                name: "IX_Residents_Area",
                table: "Residents");

            migrationBuilder.DropIndex(
                name: "IX_Residents_VisitorId",
                table: "Residents");

            migrationBuilder.CreateIndex(
                name: "IX_Visits_ResidentId_Time_Form",
                table: "Visits",
                columns: new[] { "ResidentId", "Time", "Form" });

            migrationBuilder.CreateIndex(
                name: "IX_Visits_Time_Id",
                table: "Visits",
                columns: new[] { "Time", "Id" },
                descending: new[] { true, false });

            migrationBuilder.CreateIndex(
                name: "IX_Residents_Area_Id",
                table: "Residents",
                columns: new[] { "Area", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Residents_VisitorId_Area",
                table: "Residents",
                columns: new[] { "VisitorId", "Area" });

            migrationBuilder.CreateIndex(
                name: "IX_Notices_CreatedAt_Id",
                table: "Notices",
                columns: new[] { "CreatedAt", "Id" },
                descending: new[] { true, false });

            migrationBuilder.CreateIndex(
                name: "IX_Alarms_OpenedAt",
                table: "Alarms",
                column: "OpenedAt");

            migrationBuilder.CreateIndex(
                name: "IX_Alarms_ResolvedAt",
                table: "Alarms",
                column: "ResolvedAt");

            migrationBuilder.CreateIndex(
                name: "IX_Alarms_Severity_OpenedAt_Id",
                table: "Alarms",
                columns: new[] { "Severity", "OpenedAt", "Id" },
                descending: new[] { true, true, false });

            migrationBuilder.CreateIndex(
                name: "IX_Absences_From_Id",
                table: "Absences",
                columns: new[] { "From", "Id" },
                descending: new[] { true, false });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Visits_ResidentId_Time_Form",
                table: "Visits");

            migrationBuilder.DropIndex(
                name: "IX_Visits_Time_Id",
                table: "Visits");

            migrationBuilder.DropIndex(
                name: "IX_Residents_Area_Id",
                table: "Residents");

            migrationBuilder.DropIndex(
                name: "IX_Residents_VisitorId_Area",
                table: "Residents");

            migrationBuilder.DropIndex(
                name: "IX_Notices_CreatedAt_Id",
                table: "Notices");

            migrationBuilder.DropIndex(
                name: "IX_Alarms_OpenedAt",
                table: "Alarms");

            migrationBuilder.DropIndex(
                name: "IX_Alarms_ResolvedAt",
                table: "Alarms");

            migrationBuilder.DropIndex(
                name: "IX_Alarms_Severity_OpenedAt_Id",
                table: "Alarms");

            migrationBuilder.DropIndex(
                name: "IX_Absences_From_Id",
                table: "Absences");

            migrationBuilder.CreateIndex(
                name: "IX_Visits_ResidentId_Time",
                table: "Visits",
                columns: new[] { "ResidentId", "Time" });

            migrationBuilder.CreateIndex(
                name: "IX_Residents_Area",
                table: "Residents",
                column: "Area");

            migrationBuilder.CreateIndex(
                name: "IX_Residents_VisitorId",
                table: "Residents",
                column: "VisitorId");
        }
    }
}
