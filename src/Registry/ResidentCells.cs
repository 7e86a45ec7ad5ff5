using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// What the cells of a resident, of a contact and of a household member may say, and which property each of them changes: in a file that is
/// imported and in an edit alike.
/// </summary>
internal static class ResidentCells
{
    /// <summary>All but the visitor.</summary>
    public static void Own(RegistryRow row, Resident resident, WholeFile? whole)
    {
        resident.Name = row.Needed("name", resident.Name);
        var village = row.Needed("area", resident.Area);
        if (village != resident.Area)
        {
            if (village.Length != 12 || !AreaCode.TryParse(village, out _))
                row.Wrong("area", village, new Wording("is not a village code of 12 digits", "不是 12 位村（社区）代码"));
            else
                whole?.Lies(row, village);
        }

        resident.Area = village;
        var number = row.Identity("identity", resident.IdentityNumber);
        if (number != resident.IdentityNumber)
            whole?.Holds(row, number, village);
        resident.IdentityNumber = number;
        resident.Phone = row.Phone("phone", resident.Phone);
        resident.Gender = row.Text("gender", resident.Gender);
        resident.BirthDate = row.Date("birth", resident.BirthDate);
        resident.Address = row.Text("address", resident.Address);
        resident.Categories = CategoriesOf(row, resident.Categories);
        resident.RegisteredAddress = row.Text("registered address", resident.RegisteredAddress);
        resident.DisabilityCertificate = row.Text("disability certificate", resident.DisabilityCertificate);
        resident.FiledOn = row.Date("filed", resident.FiledOn);
        resident.DrinkingWater = row.Text("drinking water", resident.DrinkingWater);
        resident.ElectricitySafety = row.Text("electricity", resident.ElectricitySafety);
        resident.GasSafety = row.Text("gas", resident.GasSafety);
        resident.Housing = row.Text("housing", resident.Housing);
        resident.MonthlyIncome = row.Number("income", 0, 10_000_000, resident.MonthlyIncome);
        resident.MonthlyPension = row.Number("pension", 0, 10_000_000, resident.MonthlyPension);
        resident.MonthlyBenefits = row.Number("benefits", 0, 10_000_000, resident.MonthlyBenefits);
        resident.HelpedBy = row.Text("helped by", resident.HelpedBy);
        resident.HelpContact = row.Text("help contact", resident.HelpContact);
        resident.Help = row.Text("help", resident.Help);
        resident.KeyClass = row.Flag("key", whereEmpty: false, resident.KeyClass);
        resident.ConsentService = row.Flag("consent", whereEmpty: true, resident.ConsentService);
        resident.ConsentDailyLife = row.Flag("share", whereEmpty: false, resident.ConsentDailyLife);
        resident.HomeLatitude = row.Number("latitude", -90, 90, resident.HomeLatitude);
        resident.HomeLongitude = row.Number("longitude", -180, 180, resident.HomeLongitude);
        resident.HomeRadiusMetres = row.Number("radius", 10, 100_000, resident.HomeRadiusMetres, whereEmpty: 300) ?? 300;
    }

    /// <summary>Those that a rule or a plan asks for are known by their words: another word would be passed over in silence.</summary>
    private static string CategoriesOf(RegistryRow row, string kept)
    {
        var text = row.Text("categories", kept);
        if (text != kept)
            foreach (
                var word in text.Split(
                    [',', '，', '、', ';', '；', ' '],
                    StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries
                )
            )
                if (!ResidentCategories.All.Contains(word))
                    row.Wrong(
                        "categories",
                        word,
                        new Wording(
                            $"is not one of {string.Join(", ", ResidentCategories.All.Select(c => $"'{c}'"))}",
                            $"应为{string.Join("、", ResidentCategories.All)}中的一种或几种"
                        )
                    );
        return text;
    }

    /// <param name="row">With the cells.</param>
    /// <param name="at">Before the column's name: <c>contact 1 </c>.</param>
    /// <param name="contact">Who is changed.</param>
    public static void Contact(RegistryRow row, string at, Contact contact)
    {
        contact.Name = row.Text(at + "name", contact.Name);
        contact.Phone = row.Phone(at + "phone", contact.Phone);
        contact.Relation = row.Text(at + "relation", contact.Relation);
        contact.Mail = row.Text(at + "mail", contact.Mail);
        contact.Language = LanguageOf(row, at + "language", contact.Language, voiceToo: true);
        contact.DailyDigest = row.Flag(at + "digest", whereEmpty: false, contact.DailyDigest);
    }

    /// <summary>Nobody is told who can't be reached.</summary>
    public static void Reachable(RegistryRow row, string at, Contact contact)
    {
        if (contact.Phone.Length == 0 && contact.Mail.Length == 0 && row[at + "phone"].Length == 0)
            row.Wrong(at + "phone", "", new Wording("a contact has a phone number or a mail address", "联系人应有电话或邮箱"));
    }

    /// <inheritdoc cref="Contact"/>
    public static void Member(RegistryRow row, string at, HouseholdMember member)
    {
        member.Name = row.Text(at + "name", member.Name);
        member.Gender = row.Text(at + "gender", member.Gender);
        member.Relation = row.Text(at + "relation", member.Relation);
        member.Health = row.Text(at + "health", member.Health);
        member.Supported = row.Flag(at + "support", whereEmpty: false, member.Supported);
        member.IdentityNumber = row.Identity(at + "identity", member.IdentityNumber);
    }

    /// <summary>A visitor of the own area, one who visits there already, or one of the town or county above.</summary>
    public static bool MayVisit(Visitor visitor, Resident resident, string bound, bool visitedBefore) =>
        visitor.Area.StartsWith(bound, StringComparison.Ordinal)
        || visitedBefore
        || (visitor.Area.Length > 0 && resident.Area.StartsWith(visitor.Area, StringComparison.Ordinal));

    /// <summary>The language of a person, as messages know it.</summary>
    public static string LanguageOf(RegistryRow row, string column, string kept, bool voiceToo)
    {
        var language = row.Cell(column, kept, "zh", text => text, v => v);
        if (language != kept && language is not ("zh" or "en") && !(voiceToo && language is "yue"))
            row.Wrong(column, language, new Wording("is not one of zh, yue, en", "应为 zh、yue 或 en"));
        return language;
    }
}

/// <summary>Categories of residents (对象类型), of the policy document.</summary>
public static class ResidentCategories
{
    public static IReadOnlyList<string> All { get; } = ["独居", "空巢", "留守", "失能", "重残", "计生特殊家庭"];
}
