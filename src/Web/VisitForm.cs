using System.Globalization;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;
using Vigil.Web.Api;
using Vigil.Web.Operations;

namespace Vigil.Web;

/// <summary>
/// The Annex 2 visit record as a form for a phone with a bad connection: a plain page that needs no live socket. What is typed is kept on
/// the phone as it is typed; a saved record waits there until the service has it, under an id of its own, so that sending it again records
/// it once (wwwroot/visit.js).
/// </summary>
internal static class VisitForm
{
    private static readonly string[] Change = ["same", "better", "worse"];
    private static readonly string[] Illness = ["same", "severe", "recovering"];
    private static readonly string[] Safety = ["safe", "fairly-safe", "unsafe"];

    /// <summary>Annex 2, part one, in its order: what the visitor ticks.</summary>
    internal static readonly (string Key, string[] Choices)[] Rows =
    [
        ("household", ["same", "more", "fewer"]),
        ("speech", Change),
        ("mobility", Change),
        ("illness", Illness),
        ("mood", Change),
        ("gas-safety", Safety),
        ("water-safety", Safety),
        ("electric-safety", Safety),
        ("hygiene", Change),
        ("home-hygiene", Change),
        ("room", Change),
    ];

    public static void MapVisitForm(this IEndpointRouteBuilder app) =>
        app.MapGet(
                "/visits/form",
                async (string? resident, Guid? alarm, [AsParameters] Caller caller) =>
                {
                    var http = caller.Http;
                    var language = (http.Request.Query["lang"].FirstOrDefault() ?? http.Request.Cookies["language"]) == "en" ? "en" : "zh";
                    var found = resident is null ? null : await caller.ResidentAsync(resident);
                    if (resident is not null && found is null)
                        return Caller.Missing("resident", resident);
                    if (found is not null)
                        await caller.AuditAsync("read", $"resident:{found.Id}", "visit form");
                    http.Response.Headers.CacheControl = "no-cache";
                    return Results.Content(Page(language, found, alarm), "text/html; charset=utf-8");
                }
            )
            .RequireAuthorization(Access.Visit)
            .ExcludeFromDescription();

    private static string Page(string language, Resident? resident, Guid? alarm)
    {
        string T(string key) => HtmlEncoder.Default.Encode(Texts.Of(key, language));
        string E(string text) => HtmlEncoder.Default.Encode(text);
        using var form = new StringWriter(CultureInfo.InvariantCulture);
        if (resident is null)
        {
            form.Write($"<label>{T("number")} <input name=resident maxlength=64 required autocomplete=off></label>");
        }
        else
        {
            var phone =
                FieldKeys.Readable(resident.Phone).Length > 0
                    ? $" <a class=phone href=\"tel:{E(resident.Phone)}\">☎ {E(resident.Name)}</a>"
                    : "";
            form.Write(
                $"<input type=hidden name=resident value=\"{E(resident.Id)}\"><p class=whom><b>{E(resident.Name)}</b> <span "
                    + $"class=who>{E(resident.Address)}</span>{phone}</p>"
            );
        }
        form.Write($"<label>{T("visit.form")} <select name=form>");
        foreach (var f in VisitOperations.Forms)
            form.Write($"<option value={f}>{T("form." + f)}</option>");
        form.Write("</select></label>");
        foreach (var (key, choices) in Rows)
        {
            // The record is kept in the words of the form, so that the printed one reads as Annex 2 does.
            form.Write($"<fieldset data-row=\"{E(Texts.Of("visit." + key, "zh"))}\"><legend>{T("visit." + key)}</legend>");
            foreach (var choice in choices)
                form.Write(
                    $"<label><input type=radio name=\"{key}\" value=\"{E(Texts.Of("choice." + choice, "zh"))}\"> "
                        + $"{T("choice." + choice)}</label>"
                );
            form.Write("</fieldset>");
        }

        foreach (var field in new[] { "needs", "actions", "satisfaction", "notes" })
            form.Write(
                $"<label class=wide>{T(field == "notes" ? "note" : "visit." + field)} <textarea name={field} maxlength=2000 "
                    + $"rows=2></textarea></label>"
            );
        if (alarm is { } id)
        {
            form.Write(
                $"<input type=hidden name=alarm value={id}><label>{T("visit.resolves")} <select name=resolve><option "
                    + $"value=\"\">{T("visit.resolves-not")}</option>"
            );
            foreach (
                var (value, resolution) in new[]
                {
                    ("true", Resolution.True),
                    ("false-away", Resolution.FalseAway),
                    ("false-habit", Resolution.FalseHabit),
                    ("false-device", Resolution.FalseDevice),
                    ("false-mistake", Resolution.FalseMistake),
                    ("test", Resolution.Test),
                    ("technical", Resolution.Technical),
                }
            )
                form.Write($"<option value={value}>{T("resolution." + resolution)}</option>");
            form.Write("</select></label>");
        }

        return $"""
            <!doctype html><html lang="{(language == "en" ? "en" : "zh-CN")}"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1"><title>{T("visit.record")} · {T("title")}</title>
            <link rel="stylesheet" href="/_content/Vigil.Web/vigil.css"><link rel="icon" href="data:,"></head><body>
            <header><h1><a href="/visits">← {T("visits")}</a></h1></header>
            <main><h2>{T("visit.record")}</h2>
            <p id="state" class="done" role="status" data-saved="{T("visit.saved")}" data-waiting="{T("visit.waiting")}"
              data-refused="{T("visit.refused")}" data-signin="{T("visit.sign-in")}"></p><ul id="waiting" class="who"></ul>
            <form id="visit" class="form">{form}<button class="acknowledge">{T("visit.save")}</button></form></main>
            <script src="/_content/Vigil.Web/visit.js"></script></body></html>
            """;
    }
}
