using Microsoft.AspNetCore.Http;

namespace Vigil.Web;

internal static class Languages
{
    /// <summary>zh or en: what the address asks for, else what was chosen before.</summary>
    public static string Language(this HttpRequest request) =>
        (request.Query["lang"].FirstOrDefault() ?? request.Cookies["language"]) == "en" ? "en" : "zh";
}
