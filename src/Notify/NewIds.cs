namespace Vigil.Notify;

internal static class NewIds
{
    /// <summary>Of a row that is made now: rows sort by when they were made.</summary>
    public static Guid NewId(this TimeProvider clock) => Guid.CreateVersion7(clock.GetUtcNow());
}
