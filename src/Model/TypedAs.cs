namespace Vigil.Model;

/// <summary>How somebody has written a payload down.</summary>
public enum TypedAs
{
    /// <summary>As <c>vigil decode</c> takes it: hexadecimal for binary formats, else text; what is neither may be base64.</summary>
    Unsaid,
    Text,
    Hex,
    Base64,
}
