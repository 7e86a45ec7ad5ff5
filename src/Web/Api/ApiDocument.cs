using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Vigil.Web.Api;

/// <summary>
/// The OpenAPI document. It is written once and kept in memory: writing it takes much processor time, and anybody may ask for it.
/// </summary>
internal static class ApiDocument
{
    private const string Path = "/openapi/v1.json";

    public static void UseCachedApiDocument(this IApplicationBuilder app)
    {
        byte[]? kept = null;
        var writing = new SemaphoreSlim(1, 1);
        app.Use(
            async (http, next) =>
            {
                if (
                    !HttpMethods.IsGet(http.Request.Method)
                    || !Path.Equals(http.Request.Path.Value?.TrimEnd('/'), StringComparison.OrdinalIgnoreCase)
                ) // case and a slash at the end are ignored, as by routing
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
                        return; // it was not written; the status says why
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
