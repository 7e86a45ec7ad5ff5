using System.Globalization;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry.Edits;

/// <summary>How a field is filled in.</summary>
public enum FieldInput
{
    Text,
    LongText,
    Phone,
    Date,
    Flag,
    Number,
    Language,
    Gender,
    Categories,

    /// <summary>An area's code.</summary>
    Area,

    /// <summary>Another person's id.</summary>
    Person,
}

/// <summary>Which part of a record's form a field stands in; those of a resident follow Annex 1.</summary>
public enum FieldGroup
{
    /// <summary>Part one.</summary>
    Person,

    /// <summary>Part three: housing and income.</summary>
    Living,

    /// <summary>Part four.</summary>
    Help,

    /// <summary>Where the home is.</summary>
    Place,

    /// <summary>Who visits.</summary>
    Visits,

    /// <summary>Who is away, and who stands in.</summary>
    Away,
}

/// <summary>A field of a record that people edit.</summary>
/// <param name="Name">As the API calls it.</param>
/// <param name="Column">As the import calls it; N stands for the number of a contact or household member.</param>
/// <param name="Input">How it is filled in.</param>
/// <param name="Value">Its value, of the record.</param>
public sealed record EditedField(string Name, string Column, FieldInput Input, Func<object, object?> Value)
{
    public FieldGroup Group { get; init; } = FieldGroup.Person;

    /// <summary>It is given when the record is made, and stays for ever.</summary>
    public bool OnlyNew { get; init; }

    /// <summary>A record can't be without it.</summary>
    public bool Needed => OnlyNew || Name is "name" or "area";

    public int Longest => RegistryRow.Longest(Column);

    /// <summary>A number, an address, something about health: shown in full to whoever has said why alone.</summary>
    public bool IsMasked => Column.Split(' ')[^1] is "phone" or "identity" or "certificate" or "mail" or "health" or "webhook";

    /// <summary>As the import reads it; a value that no key opens is empty.</summary>
    public string Text(object record) =>
        Value(record) switch
        {
            null => "",
            string text => FieldKeys.Readable(text),
            bool flag => flag ? "是" : "否",
            DateOnly day => RegistryRow.Shown(day),
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            var other => other.ToString() ?? "",
        };

    /// <summary>Whether somebody gives back what was shown of a masked value, whole or in part: it isn't the value.</summary>
    public bool IsShownInPart(string given) =>
        IsMasked && (given.Contains('…', StringComparison.Ordinal) || given.Contains("***", StringComparison.Ordinal));

    /// <summary>What may be shown of a value of it.</summary>
    public Wording Masked(string text) => ImportChanges.Shown(Column, text);

    internal string ColumnOf(int number) =>
        Column.Replace(" N ", $" {number.ToString(CultureInfo.InvariantCulture)} ", StringComparison.Ordinal);
}
