using System.Globalization;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Vigil.Web.Accounts;

namespace Vigil.Web.Pages.Parts;

/// <summary>
/// The base of the console's pages and of the larger parts of them: the person at the page, the records of that person's area, the
/// language, the local time.
/// </summary>
public abstract class ConsolePage : ComponentBase
{
    [Inject]
    protected AreaRecords Records { get; set; } = default!;

    [Inject]
    protected TimeProvider Clock { get; set; } = default!;

    [Inject]
    protected TimeZoneInfo Zone { get; set; } = default!;

    /// <summary>zh or en.</summary>
    [CascadingParameter(Name = "Language")]
    public string Language { get; set; } = "zh";

    [CascadingParameter]
    protected Task<AuthenticationState> Authentication { get; set; } = default!;

    /// <summary>How this page writes a time.</summary>
    protected virtual string TimeFormat => "MM-dd HH:mm";

    protected string T(string key) => Texts.Of(key, Language);

    protected string Colon => Texts.Colon(Language);

    protected string List(IEnumerable<string> items) => Texts.List(items, Language);

    protected string InBrackets(string text) => Texts.InBrackets(text, Language);

    /// <param name="time">UTC.</param>
    protected string Local(DateTime time) => TimeZoneInfo.ConvertTimeFromUtc(time, Zone).ToString(TimeFormat, CultureInfo.InvariantCulture);
}
