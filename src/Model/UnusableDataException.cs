namespace Vigil.Model;

/// <summary>
/// What is stored can't be used as it is, and going on would make it worse. The message says what is wrong and what to do; nothing was
/// changed.
/// </summary>
/// <param name="message">For the person who starts the program.</param>
/// <param name="inner">What was noticed.</param>
/// <param name="restorable">A backup is the way out.</param>
public sealed class UnusableDataException(string message, Exception? inner = null, bool restorable = false) : Exception(message, inner)
{
    public bool Restorable => restorable;
}
