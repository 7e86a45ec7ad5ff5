using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Vigil.Web.Api;

/// <summary>A body or parameter that can't be read is answered with what is wrong with it, as problem details.</summary>
internal sealed class BadRequests(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext http, Exception exception, CancellationToken cancellation)
    {
        if (exception is not BadHttpRequestException bad)
            return false;
        http.Response.StatusCode = bad.StatusCode;
        // The path and line of the mistake, and not the reader's own message, which names types of this program.
        var detail = bad.InnerException is JsonException { Path: { } path } json
            ? $"the body can't be read at {path}, line {json.LineNumber + 1}"
            : bad.Message;
        return await problems.TryWriteAsync(
            new ProblemDetailsContext { HttpContext = http, ProblemDetails = { Status = bad.StatusCode, Detail = detail } }
        );
    }
}
