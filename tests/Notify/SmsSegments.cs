namespace Vigil.Tests.Notify;

/// <summary>
/// How many SMS segments a text takes; each segment is paid for and may be lost (3GPP TS 23.038, TS 23.040). GSM 7-bit: 160 characters in
/// one, 153 in each of several. Any other character makes it UCS-2: 70 in one, 67 in each of several.
/// </summary>
internal static class SmsSegments
{
    private const string Basic =
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ "
        + "!\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

    /// <summary>These characters take two places.</summary>
    private const string Extended = "\f^{}\\[~]|€";

    public static bool IsGsm7(string text) =>
        text.All(c => Basic.Contains(c, StringComparison.Ordinal) || Extended.Contains(c, StringComparison.Ordinal));

    public static int Of(string text)
    {
        if (!IsGsm7(text))
            return text.Length <= 70 ? 1 : (text.Length + 66) / 67;
        var places = text.Length + text.Count(c => Extended.Contains(c, StringComparison.Ordinal));
        return places <= 160 ? 1 : (places + 152) / 153;
    }
}
