using System.CommandLine;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Host.Commands;

/// <summary><c>vigil profiles</c>: lists the device profiles, one a line.</summary>
internal static class ProfilesCommand
{
    public static Command Create()
    {
        var command = new Command("profiles", "Lists the device profiles: id, format, topic pattern, vendor and model");
        command.SetAction(_ =>
        {
            var problems = new List<Problem>();
            foreach (var p in ProfileSet.Load(Settings.DevicesPath(null), problems).All.OrderBy(p => p.Id, StringComparer.Ordinal))
                Console.WriteLine(
                    (
                        $"{p.Id, -40} {p.Format, -16} {p.TopicPattern, -44} {p.Vendor} "
                        + $"{p.Model}{(p.Also.Count > 0 ? $" (also {string.Join(", ", p.Also)})" : "")}"
                    ).TrimEnd()
                );
            foreach (var problem in problems)
                Console.Error.WriteLine(problem);
            return problems.Count > 0 ? 1 : 0;
        });
        return command;
    }
}
