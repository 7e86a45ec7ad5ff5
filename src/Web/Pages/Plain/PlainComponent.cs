using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;

namespace Vigil.Web.Pages.Plain;

/// <summary>A plain page of somebody who chose a language, or a part of one.</summary>
public abstract class PlainComponent : ComponentBase
{
    [CascadingParameter]
    protected HttpContext Http { get; set; } = default!;

    /// <summary>zh or en.</summary>
    protected string Language => Http.Request.Language();

    protected string T(string key) => Texts.Of(key, Language);
}
