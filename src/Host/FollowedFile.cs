using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// A file that people edit while the service runs. A changed file takes effect without a restart; if it has a mistake, the last good
/// version stays in effect and the problem is reported.
/// </summary>
/// <param name="name">What it contains: rules, policies, messages.</param>
/// <param name="nameZh">The same in Chinese.</param>
/// <param name="path">The file.</param>
/// <param name="beside">Files that it refers to; a change of one of them counts as a change of this file.</param>
/// <param name="use">Reads the file and puts it into effect; false, with the problems added, when it can't be used.</param>
/// <param name="log">Gets what took effect, and what didn't and why.</param>
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

    /// <summary>Why the current content is not in effect, with file and line; null when it is.</summary>
    public Wording? Trouble { get; private set; }

    /// <summary>When the content in effect was written; null while the current content is not in effect.</summary>
    public DateTime? InForce => Trouble is null ? seen.Written : null;

    /// <param name="name">What it contains.</param>
    /// <param name="nameZh">The same in Chinese.</param>
    /// <param name="path">The file.</param>
    /// <param name="load">Reads the file; null, with all problems added, when it can't be used.</param>
    /// <param name="inForce">Puts what was read into effect.</param>
    /// <param name="log">Gets what took effect, and what didn't and why.</param>
    /// <param name="beside">Files that it refers to.</param>
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

    /// <summary>Called at the start, after the files were read: their current content is in effect.</summary>
    public void Begin() => seen = See();

    /// <summary>Reads the file again if it was changed.</summary>
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
