using Vigil.Phones;
using Vigil.Village;

namespace Vigil.Host.Commands;

/// <summary>
/// The people around the demo's village: their phone numbers, and how each reacts to calls and messages. Every kind of reaction occurs
/// within two simulated days.
/// </summary>
internal sealed class DemoPeople
{
    public const string Duty = "+8613600136000",
        Supervisor = "+8613600136001";

    private readonly Dictionary<string, string> names = [];

    public DemoPeople(IEnumerable<Household> homes)
    {
        foreach (var home in homes)
        {
            names[Son(home.Number)] = $"{home.Name[..1]}小明";
            names[Daughter(home.Number)] = $"{home.Name[..1]}小红";
        }

        for (var visitor = 0; visitor < 3; visitor++)
            names[Visitor(visitor)] = $"{"周吴郑"[visitor]}志愿";
        (names[Duty], names[Supervisor]) = ("镇值班室", "区主管");
    }

    public static string Son(int home) => $"+861380013{home:0000}";

    public static string Daughter(int home) => $"+861370013{home:0000}";

    public static string Visitor(int number) => $"+861391234{number:0000}";

    public string NameOf(string number) => names.GetValueOrDefault(number) ?? number;

    /// <summary>Adds them to the phone network.</summary>
    public void SettleIn(PhoneNetwork network)
    {
        foreach (var number in names.Keys)
            network.People[number] = Behaviour(number);
    }

    private static Person Behaviour(string number)
    {
        // The duty desk's line is busy, but it reads messages; the supervisor always answers.
        if (number == Duty)
            return new Person { Call = OnCall.Busy, Text = OnText.OpensLink };
        if (number == Supervisor)
            return new Person
            {
                Call = OnCall.Answers,
                Keys = "1",
                Text = OnText.OpensLink,
            };
        if (number.StartsWith("+861391234", StringComparison.Ordinal))
            return new Person { Call = number.EndsWith('2') ? OnCall.Voicemail : OnCall.Ignores };
        var home = int.Parse(number.AsSpan(^4), System.Globalization.CultureInfo.InvariantCulture);
        return (home, number.StartsWith("+8613800", StringComparison.Ordinal)) switch
        {
            // Homes that the scenario is about.
            (3, true) => new Person { Call = OnCall.Voicemail },
            (3, false) => new Person
            {
                Call = OnCall.Answers,
                Keys = "1",
                PicksUpAfter = TimeSpan.FromSeconds(20),
            },
            (5 or 7, _) => new Person(),
            (12, true) => new Person
            {
                Text = OnText.OptedOut,
                Call = OnCall.Answers,
                Keys = "1",
            },
            (16, true) => new Person { Text = OnText.SwitchedOff, Call = OnCall.Busy },
            (16, false) => new Person { Text = OnText.RepliesCannot },
            (18, true) => new Person { Call = OnCall.Answers, Keys = "2" },
            (18, false) => new Person
            {
                Call = OnCall.Answers,
                Keys = "31",
                PicksUpAfter = TimeSpan.FromSeconds(18),
            },
            // Everybody else: some of each kind.
            (var n, true) => (n % 5) switch
            {
                0 => new Person
                {
                    Call = OnCall.Answers,
                    Keys = "1",
                    Text = OnText.Replies,
                },
                1 => new Person { Call = OnCall.Voicemail, Text = OnText.OpensLink },
                2 => new Person
                {
                    Call = OnCall.Answers,
                    Keys = "2",
                    Text = OnText.RepliesCannot,
                },
                3 => new Person { Call = OnCall.Unreachable, Text = OnText.Landline },
                _ => new Person { Call = OnCall.Busy },
            },
            (var n, false) => n % 2 == 0
                ? new Person
                {
                    Call = OnCall.Answers,
                    Keys = "31",
                    Text = OnText.OpensLink,
                }
                : new Person { Text = OnText.Replies },
        };
    }
}
