using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Settings;

namespace Vigil.Notify.Reach;

/// <summary>Section <c>Contacts</c>: tests whether the numbers of contacts, visitors and officers reach somebody.</summary>
public sealed class ReachOptions
{
    public const string Section = "Contacts";

    /// <summary>Every number is tested again after so many days; 0: only when somebody asks for it.</summary>
    [Range(0, 366)]
    public int ReachTestDays { get; set; }

    /// <summary>Local hours in which people are written to and called for a test, also when somebody asks for it.</summary>
    public string ReachTestHours { get; set; } = "09:00-19:00";

    internal Hours Hours => Hours.TryParse(ReachTestHours, out var hours) ? hours : new Hours(new TimeOnly(9, 0), new TimeOnly(19, 0));

    /// <summary>Reads the section; what is wrong with it is added to the problems.</summary>
    public static ReachOptions Read(IConfiguration configuration, List<Problem> problems)
    {
        var options = SettingsSection.Read<ReachOptions>(configuration, Section, problems);
        if (!Hours.TryParse(options.ReachTestHours, out var hours) || hours.From >= hours.Until)
            problems.Add(
                new Problem(
                    "Contacts:ReachTestHours",
                    0,
                    "",
                    options.ReachTestHours,
                    "is not a span of the day such as 09:00-19:00: nobody is called at night for a test"
                )
            );
        return options;
    }
}
