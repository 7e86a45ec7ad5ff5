using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;

namespace Vigil.Web.Pages.Plain;

/// <summary>The base of plain pages and of parts of them, in the language that the reader has chosen.</summary>
public abstract class PlainComponent : ComponentBase
{
    [CascadingParameter]
    protected HttpContext Http { get; set; } = default!;

    /// <summary>zh or en.</summary>
    protected string Language => Http.Request.Language();

    protected string T(string key) => Texts.Of(key, Language);
}
