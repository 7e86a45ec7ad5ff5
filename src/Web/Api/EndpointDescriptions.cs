using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Vigil.Registry.Edits;

namespace Vigil.Web.Api;

/// <summary>
/// What <c>/openapi/v1.json</c> says of an endpoint: a sentence, the type of its answer, and the problems it can answer with.
/// </summary>
internal static class EndpointDescriptions
{
    /// <summary>The meaning of each parameter by its name, which means the same at every endpoint.</summary>
    internal static readonly Dictionary<string, string> Parameters = new(StringComparer.Ordinal)
    {
        ["offset"] = "How many rows of the list to skip; 0 by default.",
        ["limit"] = "How many rows to return at most; 100 by default, 500 at most (readings: 10,000 by default, 100,000 at most).",
        ["area"] = "Code of a county, town or village (6, 9 or 12 digits): rows whose area begins with it.",
        ["resident"] = "Number of a resident: only rows of that home.",
        ["visitor"] = "Number of a visitor: only the homes assigned to them.",
        ["kind"] = "An alarm kind, such as sos or no-water.",
        ["alarm"] = "Id of an alarm: only its notices.",
        ["metric"] = "A metric's name, such as water.volume; all without it.",
        ["from"] = "Inclusive, RFC 3339.",
        ["to"] = "Exclusive, RFC 3339.",
        ["days"] = "How many days ahead; 1 by default, 60 at most.",
        ["format"] = "json (default), csv or xlsx; no cell of a file is a formula.",
        ["search"] = "Part of a name or number, or the beginning of an area code.",
        ["q"] = "What is looked for, 64 characters at most: part of a name, number or address, a whole phone number, a device's id.",
        ["name"] = "File name; its ending, .csv or .xlsx, tells what the file is.",
        ["lang"] = "zh or en: the language of headings and words; by default what the browser has chosen, else Chinese.",
        ["dryRun"] = "true: everything is checked and nothing is written.",
        ["replace"] = "true: contacts and household members that the file no longer names are removed, devices unbound.",
        ["idsFromIdentity"] = "true: rows without an id get one that is made of the identity number.",
        ["id"] = "Id of the record in the path.",
        ["contact"] = "Id of the contact.",
        ["member"] = "Id of the household member.",
        ["version"] = "The version that was read: nothing is removed if somebody has changed it since. Without it, whatever it is now.",
        ["who"] = "officer: or visitor: and a number: only that person's shifts.",
        ["change"] = "enable, disable or ping.",
        ["state"] =
            "enable or disable; of alarms: open, acknowledged, in-hand, resolved, or unresolved for the first three; "
            + "of devices: in-home, in-stock or retired.",
        ["reason"] = "What homes lack, such as no-contact or all-silent; without it, homes that are not protected.",
        ["keyClass"] = "true: key (重点) residents alone; false: general (一般) ones.",
        ["code"] = "Area code: 6, 9 or 12 digits.",
    };

    /// <summary>An endpoint that answers with one object.</summary>
    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder endpoint, string summary, params int[] problems) =>
        endpoint.Produces<T>().Documented(summary, problems);

    /// <summary>An endpoint that answers with a page of a list; the header X-Total-Count tells how many rows there are in all.</summary>
    public static RouteHandlerBuilder Lists<T>(this RouteHandlerBuilder endpoint, string summary, params int[] problems) =>
        endpoint.Produces<IReadOnlyList<T>>().WithMetadata(new Paged()).Documented(summary, problems);

    /// <summary>An endpoint that creates something.</summary>
    public static RouteHandlerBuilder Creates<T>(this RouteHandlerBuilder endpoint, string summary, params int[] problems) =>
        endpoint.Produces<T>(StatusCodes.Status201Created).Documented(summary, [400, .. problems]);

    /// <summary>An endpoint that changes something and answers with nothing.</summary>
    public static RouteHandlerBuilder Changes(this RouteHandlerBuilder endpoint, string summary, params int[] problems) =>
        endpoint.Produces(StatusCodes.Status204NoContent).Documented(summary, [400, .. problems]);

    public static void Describe(OpenApiOptions options)
    {
        options.AddDocumentTransformer(
            (document, _, _) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "Vigil 守望",
                    Version = "v1",
                    Description =
                        "Residents, devices, alarms, visits and figures of a Vigil service. Errors are problem details (RFC 9457); "
                        + "times are RFC 3339 in UTC; lists come in pages, with their total in X-Total-Count. "
                        + "What lies outside the caller's area does not exist for it: 404, never 403. Every read of a resident's "
                        + "data is written to the audit log.",
                };
                document.Components ??= new OpenApiComponents();
                document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                {
                    ["key"] = new OpenApiSecurityScheme
                    {
                        Type = SecuritySchemeType.Http,
                        Scheme = "bearer",
                        Description =
                            "An API key with the scope read, visit, write, supervise or admin, and an area. The console's cookie "
                            + "works too.",
                    },
                };
                document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("key", document)] = [] }];
                document.Servers = [];
                return Task.CompletedTask;
            }
        );
        options.AddOperationTransformer(
            (operation, context, _) =>
            {
                var path = context.Description.RelativePath ?? "";
                var words = path.Replace("api/v1/", "", StringComparison.Ordinal)
                    .Split('/')
                    .Select(w => w.Trim('{', '}').Split(':')[0])
                    .ToList();
                operation.OperationId = string.Join('_', [context.Description.HttpMethod?.ToLowerInvariant() ?? "get", .. words])
                    .Replace('-', '_');
                operation.Tags = new HashSet<OpenApiTagReference> { new(words[0], context.Document) };
                foreach (var parameter in operation.Parameters ?? [])
                    if (Parameters.TryGetValue(parameter.Name ?? "", out var words2))
                        parameter.Description ??= words2;
                if (
                    context.Description.ActionDescriptor.EndpointMetadata.OfType<Paged>().Any()
                    && operation.Responses?.TryGetValue("200", out var answer) == true
                    && answer is OpenApiResponse page
                )
                    page.Headers = new Dictionary<string, IOpenApiHeader>
                    {
                        ["X-Total-Count"] = new OpenApiHeader
                        {
                            Description = "Rows of the whole list; of more than 10,000 it may be as of some minutes ago, an hour at most.",
                            Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
                        },
                    };
                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<FileBody>().Any())
                {
                    operation.RequestBody = new OpenApiRequestBody
                    {
                        Required = true,
                        Description = "The file.",
                        Content = new[] { "text/csv", Storage.Records.Sheet.XlsxType }.ToDictionary(
                            t => t,
                            _ => new OpenApiMediaType
                            {
                                Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
                            }
                        ),
                    };
                }

                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<EditBody>().FirstOrDefault() is { } edit)
                    operation.RequestBody = EditOf(edit);
                return Task.CompletedTask;
            }
        );
        options.AddSchemaTransformer(
            (schema, context, _) =>
            {
                if (context.JsonPropertyInfo is { } property)
                    schema.Description ??= DocComments.Of(
                        property.DeclaringType,
                        property.AttributeProvider is System.Reflection.PropertyInfo p ? p.Name : property.Name
                    );
                else
                    schema.Description ??= DocComments.Of(context.JsonTypeInfo.Type);
                return Task.CompletedTask;
            }
        );
    }

    /// <summary>The fields that can be edited, as their table has them.</summary>
    private static OpenApiRequestBody EditOf(EditBody edit)
    {
        var properties = edit
            .Kind.Fields.Where(f => edit.IsNew || !f.OnlyNew)
            .ToDictionary(
                f => f.Name,
                f =>
                    (IOpenApiSchema)
                        new OpenApiSchema
                        {
                            Type =
                                JsonSchemaType.Null
                                | f.Input switch
                                {
                                    FieldInput.Flag => JsonSchemaType.Boolean,
                                    FieldInput.Number => JsonSchemaType.Number,
                                    _ => JsonSchemaType.String,
                                },
                            Description = Texts.Of("field." + f.Name, "en") + (f.Needed ? "; can't be empty." : "."),
                        }
            );
        if (!edit.IsNew)
            properties["version"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Description = "The version that was read; the header If-Match may carry it instead.",
            };
        else if (edit.Kind == RecordKind.Shift)
            properties["who"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "officer: or visitor: and the number." };
        return new OpenApiRequestBody
        {
            Required = true,
            Description = edit.IsNew ? "What is known." : "What changes; null or an empty text clears.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/json"] = new()
                {
                    Schema = new OpenApiSchema { Type = JsonSchemaType.Object, Properties = properties },
                },
            },
        };
    }

    /// <summary>The body is a file, whatever type it says it has.</summary>
    public static RouteHandlerBuilder TakesFile(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(new FileBody());

    /// <summary>Sets the sentence and the statuses of problems; 401 and 403 are added for every endpoint.</summary>
    internal static RouteHandlerBuilder Documented(this RouteHandlerBuilder endpoint, string summary, int[] problems)
    {
        endpoint.WithSummary(summary);
        foreach (var status in problems.Concat([401, 403]).Distinct())
            endpoint.ProducesProblem(status);
        return endpoint;
    }

    /// <summary>Marks an endpoint whose answer is a page of a list.</summary>
    internal sealed record Paged;

    /// <summary>Marks an endpoint that edits a record.</summary>
    internal sealed record EditBody(RecordKind Kind, bool IsNew);

    /// <summary>Marks an endpoint whose body is a CSV or XLSX file.</summary>
    internal sealed record FileBody;
}
