using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Vigil.Model;
using Vigil.Registry.Edits;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>
/// Changing, making and removing one record of the registry: what PATCH, POST and DELETE of residents, contacts, household members,
/// visitors, officers, shifts and areas have in common. A PATCH gives back the version that was read; only the fields that it names change,
/// null or an empty text clears.
/// </summary>
internal static class EditsApi
{
    /// <summary>Bytes of a body.</summary>
    private const int Largest = 64 << 10;

    public static async Task<IResult> ChangeAsync(this Caller caller, RegistryEdit edit, RecordKind kind, string id, string? owner = null)
    {
        var (fields, version, wrong) = await BodyAsync(caller, kind);
        if (wrong is not null)
            return wrong;
        if (version is null)
            return Wrong([new FieldProblem("version", "", new Wording("is missing: the one that was read", "缺少读取时的版本"))]);
        return Answer(
            await edit.ChangeAsync(kind, id, owner, version, fields, caller.User.Editor(), caller.Cancellation),
            kind,
            id,
            o => Results.Ok(new EditAnswer(o.Id, o.Version, [.. o.Changes.Select(c => c.En)]))
        );
    }

    /// <param name="caller">Who makes it.</param>
    /// <param name="edit">The registry.</param>
    /// <param name="kind">What is made.</param>
    /// <param name="path">Under which it will be found, without its id.</param>
    /// <param name="owner">Whose it is.</param>
    /// <param name="ownerField">The field of the body that says whose it is.</param>
    public static async Task<IResult> AddAsync(
        this Caller caller,
        RegistryEdit edit,
        RecordKind kind,
        string path,
        string? owner = null,
        string? ownerField = null
    )
    {
        var (fields, version, wrong) = await BodyAsync(caller, kind);
        if (wrong is not null)
            return wrong;
        if (version is not null)
            return Wrong([new FieldProblem("version", version, new Wording("belongs to no new record", "新记录没有版本"))]);
        if (ownerField is not null && !fields.Remove(ownerField, out owner))
            return Wrong([new FieldProblem(ownerField, "", new Wording("is missing", "未填写"))]);
        return Answer(
            await edit.AddAsync(kind, owner, fields, caller.User.Editor(), caller.Cancellation),
            kind,
            owner ?? "",
            o =>
                Results.Created(
                    $"/api/v1/{path}/{Uri.EscapeDataString(o.Id)}",
                    new EditAnswer(o.Id, o.Version, [.. o.Changes.Select(c => c.En)])
                )
        );
    }

    public static async Task<IResult> RemoveAsync(
        this Caller caller,
        RegistryEdit edit,
        RecordKind kind,
        string id,
        string? version,
        string? owner = null
    ) =>
        Answer(
            await edit.RemoveAsync(kind, id, owner, version ?? IfMatch(caller), caller.User.Editor(), caller.Cancellation),
            kind,
            id,
            _ => Results.NoContent()
        );

    /// <summary>Describes a PATCH.</summary>
    public static RouteHandlerBuilder Edits(this RouteHandlerBuilder endpoint, RecordKind kind, string summary) =>
        endpoint
            .WithMetadata(new EndpointDescriptions.EditBody(kind, IsNew: false), new RequestSizeLimitAttribute(Largest))
            .Answers<EditAnswer>(summary, 400, 404, 409);

    /// <summary>Describes a POST.</summary>
    public static RouteHandlerBuilder Adds(this RouteHandlerBuilder endpoint, RecordKind kind, string summary, params int[] problems) =>
        endpoint
            .WithMetadata(new EndpointDescriptions.EditBody(kind, IsNew: true), new RequestSizeLimitAttribute(Largest))
            .Creates<EditAnswer>(summary, problems);

    private static IResult Answer(EditOutcome outcome, RecordKind kind, string id, Func<EditOutcome, IResult> done) =>
        outcome.Result switch
        {
            EditResult.Done => done(outcome),
            EditResult.Missing => Caller.Missing(kind.Word.En, id),
            EditResult.NotYours => Caller.InBothLanguages(outcome.Why, StatusCodes.Status403Forbidden),
            EditResult.Changed => Results.Problem(
                outcome.Why.En,
                statusCode: StatusCodes.Status409Conflict,
                extensions: new Dictionary<string, object?>
                {
                    ["detailZh"] = outcome.Why.Zh,
                    ["version"] = outcome.Version,
                    ["changedBy"] = outcome.Meanwhile?.Who,
                    ["changedAt"] = outcome.Meanwhile?.At,
                    ["changed"] = outcome.Meanwhile?.What,
                }
            ),
            EditResult.Wrong => Wrong(outcome.Problems),
            _ => Caller.InBothLanguages(outcome.Why, StatusCodes.Status409Conflict),
        };

    private static IResult Wrong(IReadOnlyList<FieldProblem> problems) =>
        Results.Problem(
            string.Join("; ", problems.Select(p => Line(p.Field, p.Value, p.Why.En))),
            statusCode: StatusCodes.Status400BadRequest,
            extensions: new Dictionary<string, object?>
            {
                ["detailZh"] = string.Join("；", problems.Select(p => Line(p.Field, p.Value, p.Why.Zh))),
                ["errors"] = problems.Select(p => new
                {
                    field = p.Field,
                    value = p.Value,
                    why = p.Why.En,
                    whyZh = p.Why.Zh,
                }),
            }
        );

    private static string Line(string field, string value, string why) => value.Length == 0 ? $"{field} {why}" : $"{field} '{value}' {why}";

    private static string? IfMatch(Caller caller) =>
        caller.Http.Request.Headers.IfMatch.ToString().Trim() is { Length: > 0 } given
            ? given.Replace("W/", "", StringComparison.Ordinal).Trim('"')
            : null;

    /// <summary>The fields of a body as texts, and the version that was read.</summary>
    private static async Task<(Dictionary<string, string> Fields, string? Version, IResult? Wrong)> BodyAsync(
        Caller caller,
        RecordKind kind
    )
    {
        var (fields, problems) = (new Dictionary<string, string>(StringComparer.Ordinal), new List<FieldProblem>());
        if (!caller.Http.Request.HasJsonContentType())
            return (fields, null, Results.Problem("the body is no JSON", statusCode: StatusCodes.Status415UnsupportedMediaType));
        try
        {
            using var body = await JsonDocument.ParseAsync(caller.Http.Request.Body, default, caller.Cancellation);
            if (body.RootElement.ValueKind is not JsonValueKind.Object)
                return (fields, null, Caller.Wrong("the body is no object of fields"));
            foreach (var field in body.RootElement.EnumerateObject())
                if (TextOf(field.Value) is not { } text)
                    problems.Add(
                        new FieldProblem(
                            field.Name,
                            field.Value.GetRawText() is { Length: > 40 } raw ? raw[..40] + "…" : field.Value.GetRawText(),
                            new Wording("is no text, number, true, false or null", "应为文本、数字、true、false 或 null")
                        )
                    );
                else if (!fields.TryAdd(field.Name, text))
                    problems.Add(new FieldProblem(field.Name, "", new Wording("stands in the body twice", "重复出现")));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: half a surrogate pair, which no text has
            return (fields, null, Caller.Wrong($"the body can't be read{(e is JsonException j ? $", line {j.LineNumber + 1}" : "")}"));
        }

        fields.Remove("version", out var version);
        return (fields, version ?? IfMatch(caller), problems.Count > 0 ? Wrong(problems) : null);
    }

    private static string? TextOf(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Null => "",
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.True => "是",
            JsonValueKind.False => "否",
            _ => null,
        };
}

/// <summary>What was written.</summary>
/// <param name="Id">Of the record.</param>
/// <param name="Version">Its version now, for the next change.</param>
/// <param name="Changes">Field by field, old → new; numbers are masked.</param>
internal sealed record EditAnswer(string Id, string Version, IReadOnlyList<string> Changes);
