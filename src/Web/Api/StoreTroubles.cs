using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Vigil.Storage;

namespace Vigil.Web.Api;

/// <summary>
/// A store that can't be read or written at the moment is answered with 503 and Retry-After, and with problem details that don't have the
/// store's own message.
/// </summary>
internal sealed class StoreTroubles(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext http, Exception exception, CancellationToken cancellation)
    {
        if (!StoreFailure.IsOfStore(exception) || StoreFailure.IsOfRows(exception))
            return false;
        http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        http.Response.Headers.RetryAfter = "5";
        return await problems.TryWriteAsync(
            new ProblemDetailsContext
            {
                HttpContext = http,
                ProblemDetails =
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Detail = "the store does not work at the moment; try again in a few seconds",
                },
            }
        );
    }
}
