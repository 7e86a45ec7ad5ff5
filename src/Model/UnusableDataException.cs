namespace Vigil.Model;

/// <summary>
/// The stored data can't be used, and going on would do more harm. The message says what is wrong and what to do; nothing was changed.
/// </summary>
/// <param name="message">For the person who starts the program.</param>
/// <param name="inner">The original error.</param>
/// <param name="restorable">Restoring a backup helps.</param>
public sealed class UnusableDataException(string message, Exception? inner = null, bool restorable = false) : Exception(message, inner)
{
    public bool Restorable => restorable;
}
