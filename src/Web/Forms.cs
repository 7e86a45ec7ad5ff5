using Microsoft.AspNetCore.Http;

namespace Vigil.Web;

internal static class Forms
{
    /// <summary>
    /// The fields of a form; null where there is none, or one that can't be read: with a NUL in it, larger than the limits, another type.
    /// </summary>
    public static async Task<IFormCollection?> FormOrNoneAsync(this HttpRequest request, CancellationToken cancellation)
    {
        if (!request.HasFormContentType)
            return null;
        try
        {
            return await request.ReadFormAsync(cancellation);
        }
        catch (Exception e) when (e is InvalidOperationException or InvalidDataException)
        {
            return null;
        }
    }
}
