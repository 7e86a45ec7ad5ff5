using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Vigil.Settings;

/// <summary>An https address, or http to this machine; empty where there may be none.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class HttpsOrLoopbackAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) =>
        value is "" or null
        || (
            value is string text
            && Uri.TryCreate(text, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
        );

    public override string FormatErrorMessage(string name) => "is not an https address (http on loopback alone)";
}

/// <summary>One of some words, small and capital letters being the same.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OneOfAttribute(params string[] words) : ValidationAttribute
{
    public IReadOnlyList<string> Values { get; } = words;

    public override bool IsValid(object? value) => value is string text && Values.Contains(text, StringComparer.OrdinalIgnoreCase);

    public override string FormatErrorMessage(string name) =>
        Values.Count == 2 ? $"is neither {Values[0]} nor {Values[1]}" : "is not one of " + string.Join(", ", Values);
}

/// <summary>A time of day, HH:mm.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TimeOfDayAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) =>
        value is string text && TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    public override string FormatErrorMessage(string name) => "is not a time of day such as 03:00";
}

/// <summary>A file that is there; empty where there may be none.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ExistingFileAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) => value is string text && (text.Length == 0 || File.Exists(text));

    public override string FormatErrorMessage(string name) => "there is no such file";
}
