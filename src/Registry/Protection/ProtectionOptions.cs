using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Registry.Protection;

/// <summary>Section <c>Protection</c>: which homes are protected now.</summary>
public sealed class ProtectionOptions
{
    public const string Section = "Protection";

    /// <summary>A call button is to be tested at least every so many days; 0: no test is ever overdue.</summary>
    [Range(0, 3650)]
    public int TestDays { get; set; } = 31;

    /// <summary>How often it is looked at, in seconds.</summary>
    [Range(1, 3600)]
    public int EverySeconds { get; set; } = 15;

    /// <summary>Reads the section; what is wrong with it is added to the problems.</summary>
    public static ProtectionOptions Read(IConfiguration configuration, List<Problem> problems) =>
        SettingsSection.Read<ProtectionOptions>(configuration, Section, problems);
}
