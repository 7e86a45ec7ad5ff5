namespace Vigil.Registry;

/// <summary>
/// How fast an import goes and how long it still takes, told from how far it has come. Checking and writing are counted apart.
/// </summary>
public sealed class ImportPace(TimeProvider clock)
{
    private long begun = clock.GetTimestamp();
    private bool writing;

    /// <summary>Rows a second; null when nothing can be said yet.</summary>
    public double? Rate { get; private set; }

    /// <summary>Of this stage; null when it isn't known how much there is.</summary>
    public TimeSpan? Left { get; private set; }

    public void Report(ImportProgress progress)
    {
        if (progress.Writing != writing)
            (writing, begun) = (progress.Writing, clock.GetTimestamp());
        var seconds = clock.GetElapsedTime(begun).TotalSeconds;
        Rate = seconds > 0 ? progress.Rows / seconds : null;
        Left =
            seconds > 0 && progress.Part is > 0.01 and <= 1 and var part
                ? TimeSpan.FromSeconds(Math.Ceiling(seconds / part - seconds))
                : null;
    }
}
