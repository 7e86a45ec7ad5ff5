using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Vigil.Web.Api;

/// <summary>
/// The OpenAPI document. It takes the server a moment of everybody's time to write, and anybody may ask: it is written once and kept.
/// </summary>
internal static class ApiDocument
{
    private const string Path = "/openapi/v1.json";

    public static void UseKeptApiDocument(this IApplicationBuilder app)
    {
        byte[]? kept = null;
        var writing = new SemaphoreSlim(1, 1);
        app.Use(
            async (http, next) =>
            {
                if (
                    !HttpMethods.IsGet(http.Request.Method)
                    || !Path.Equals(http.Request.Path.Value?.TrimEnd('/'), StringComparison.OrdinalIgnoreCase)
                ) // as routing compares
                {
                    await next();
                    return;
                }

                if (kept is null)
                {
                    await writing.WaitAsync(http.RequestAborted);
                    try
                    {
                        kept ??= await WriteAsync(http, next);
                    }
                    finally
                    {
                        writing.Release();
                    }

                    if (kept is null)
                        return; // its status says why
                }

                http.Response.ContentType = "application/json;charset=utf-8";
                http.Response.ContentLength = kept.Length;
                await http.Response.Body.WriteAsync(kept, http.RequestAborted);
            }
        );
    }

    private static async Task<byte[]?> WriteAsync(HttpContext http, Func<Task> next)
    {
        var (body, written) = (http.Response.Body, new MemoryStream());
        http.Response.Body = written;
        try
        {
            await next();
            return http.Response.StatusCode == StatusCodes.Status200OK && written.Length > 0 ? written.ToArray() : null;
        }
        finally
        {
            http.Response.Body = body;
        }
    }
}
