using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// A file that people edit while the service runs: changed, it comes into force without a restart; one with a mistake leaves the last good
/// one standing and says so.
/// </summary>
/// <param name="name">What stands in it: rules, policies, messages.</param>
/// <param name="nameZh">The same in Chinese.</param>
/// <param name="path">The file.</param>
/// <param name="beside">Files it draws on; a change of theirs is one of it.</param>
/// <param name="use">Reads it and puts it in force; false where it can't be used, with the problems added.</param>
/// <param name="log">Gets what came into force, and what didn't and why.</param>
internal sealed partial class FollowedFile(
    string name,
    string nameZh,
    string path,
    Func<IEnumerable<string>> beside,
    Func<List<Problem>, bool> use,
    ILogger log
)
{
    private (DateTime Written, bool There) seen;

    public string Name => name;

    public string NameZh => nameZh;

    public string Path => path;

    /// <summary>Why the file as it stands is not in force, with file and line; null when it is.</summary>
    public Wording? Trouble { get; private set; }

    /// <summary>When the file in force was written; null while the file as it stands is not in force.</summary>
    public DateTime? InForce => Trouble is null ? seen.Written : null;

    /// <param name="load">Reads the file; null, with all its problems, when it can't be used.</param>
    /// <param name="inForce">Puts what was read in force.</param>
    public static FollowedFile Of<T>(
        string name,
        string nameZh,
        string path,
        Func<string, List<Problem>, T?> load,
        Action<T> inForce,
        ILogger log,
        Func<IEnumerable<string>>? beside = null
    )
        where T : class =>
        new(
            name,
            nameZh,
            path,
            beside ?? (() => []),
            problems =>
            {
                if (load(path, problems) is not { } read)
                    return false;
                inForce(read);
                return true;
            },
            log
        );

    /// <summary>As it stands now it is in force: it was read at the start.</summary>
    public void Begin() => seen = See();

    public void Look()
    {
        var now = See();
        if (now == seen)
            return;
        seen = now;
        var problems = new List<Problem>();
        if (use(problems))
        {
            Trouble = null;
            LogInForce(log, name, path);
            return;
        }

        Trouble = new Wording(string.Join("; ", problems), string.Join("；", problems.Select(p => p.In("zh"))));
        foreach (var problem in problems)
            LogBad(log, name, problem.ToString());
    }

    private (DateTime, bool) See() => (beside().Append(path).Max(File.GetLastWriteTimeUtc), File.Exists(path));

    [LoggerMessage(Level = LogLevel.Information, Message = "The {Name} of {Path} are in force")]
    private static partial void LogInForce(ILogger logger, string name, string path);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The file of the {Name} was changed and has a problem, so the last good one stands: {Problem}"
    )]
    private static partial void LogBad(ILogger logger, string name, string problem);
}
