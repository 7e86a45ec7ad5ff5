using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Vigil.Web.Pages.Plain;

/// <summary>Plain pages as answers to requests.</summary>
internal static class PlainAnswers
{
    /// <summary>Answers with a page that no browser and no proxy keeps.</summary>
    /// <param name="http">The request.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="parameters">The page's parameters, by the names of its properties.</param>
    public static IResult Page<T>(this HttpContext http, int status, params (string Name, object? Value)[] parameters)
        where T : IComponent
    {
        http.Response.Headers.CacheControl = "no-store";
        return new RazorComponentResult<T>(parameters.ToDictionary(p => p.Name, p => p.Value)) { StatusCode = status };
    }
}
