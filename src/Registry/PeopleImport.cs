using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>Rows 值班 (duty), 主管 (supervisor), 探访人 (visitor) and 区划 (area).</summary>
internal sealed class PeopleImport(KnownRecords known, ImportOptions options, WholeFile? whole)
{
    public void Officer(RegistryRow row, bool supervisor)
    {
        var id = row["id"];
        if (id.Length == 0)
            return; // said already
        var there = known.Officers.GetValueOrDefault(id);
        if (there is not null && !there.Area.StartsWith(options.Bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a duty officer or supervisor of another area", "属于其他区域的值班人员或主管"));
        var officer =
            there
            ?? new DutyOfficer
            {
                Id = id,
                Name = "",
                Area = "",
                Supervisor = supervisor,
            };
        if (there is null)
        {
            known.Officers[id] = officer;
            known.NewOfficers.Add(officer);
        }

        row.Of(supervisor ? ImportKind.Supervisor : ImportKind.Duty, there is not null, () => PeopleCells.Officer(row, officer, whole));
    }

    public void Visitor(RegistryRow row)
    {
        var id = row["id"];
        if (id.Length == 0)
            return; // said already
        var there = known.Visitors.GetValueOrDefault(id);
        if (there is not null && !there.Area.StartsWith(options.Bound, StringComparison.Ordinal))
            row.Wrong("id", id, new Wording("belongs to a visitor of another area", "属于其他区域的探访人"));
        var visitor = there ?? new Visitor { Id = id, Name = "" };
        if (there is null)
        {
            known.Visitors[id] = visitor;
            known.NewVisitors.Add(visitor);
        }

        row.Of(ImportKind.Visitor, there is not null, () => PeopleCells.Visitor(row, visitor, whole));
    }

    public void Area(RegistryRow row)
    {
        var code = row["area"];
        if (code.Length == 0)
        {
            row.Wrong("area", "", new Wording("is missing", "未填写"));
            return;
        }

        PeopleCells.IsCode(row, code);
        var there = known.Areas.GetValueOrDefault(code);
        var area = there ?? new Area { Code = code, Name = "" };
        if (there is null)
        {
            known.Areas[code] = area;
            known.NewAreas.Add(area);
            whole?.Has(code);
        }

        row.Of(ImportKind.Area, there is not null, () => PeopleCells.Area(row, area));
    }
}
