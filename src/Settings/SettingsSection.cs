using System.Collections;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Vigil.Model;

namespace Vigil.Settings;

/// <summary>
/// Fills an object from a section of the configuration and checks it by the attributes of its properties. .NET's own binder throws at the
/// first value that it can't convert; here each such value, and each that is out of range, is reported with its key, and the default is
/// kept.
/// </summary>
public static class SettingsSection
{
    /// <summary>The section as an object of <typeparamref name="T"/>; what is wrong with it is added to the problems.</summary>
    public static T Read<T>(IConfiguration configuration, string section, List<Problem> problems)
        where T : class, new() => (T)Fill(new T(), configuration.GetSection(section), problems);

    /// <summary>The keys of a section: <c>Mqtt:Port</c>; <c>*</c> stands for the names of a dictionary.</summary>
    public static IEnumerable<string> Names<T>(string section) => Names(typeof(T), section);

    private static IEnumerable<string> Names(Type type, string at) =>
        type == typeof(string) || IsValue(type)
            ? [at]
            : Settable(type)
                .SelectMany(p =>
                    EntryOf(p.PropertyType) is { } entry ? Names(entry, $"{at}:{p.Name}:*") : Names(p.PropertyType, $"{at}:{p.Name}")
                );

    private static object Fill(object options, IConfigurationSection section, List<Problem> problems)
    {
        foreach (var property in Settable(options.GetType()))
        {
            var (type, at) = (property.PropertyType, section.GetSection(property.Name));
            if (EntryOf(type) is { } entry)
            {
                var entries = (IDictionary)property.GetValue(options)!;
                foreach (var child in at.GetChildren())
                    entries[child.Key] =
                        entry == typeof(string) ? child.Value ?? "" : Fill(Activator.CreateInstance(entry)!, child, problems);
            }
            else if (type != typeof(string) && !IsValue(type))
            {
                Fill(property.GetValue(options)!, at, problems);
            }
            else if (at.Value is { } text && (text.Length > 0 || type == typeof(string)))
            {
                if (!TryParse(type, text, out var value))
                {
                    problems.Add(new Problem(at.Path, 0, "", text, $"is not {Expected(type)}"));
                    continue;
                }

                property.SetValue(options, value);
            }

            foreach (var rule in property.GetCustomAttributes<ValidationAttribute>())
                if (property.GetValue(options) is var set && !rule.IsValid(set))
                    problems.Add(new Problem(at.Path, 0, "", Convert.ToString(set, CultureInfo.InvariantCulture) ?? "", Words(rule)));
        }

        return options;
    }

    private static IEnumerable<PropertyInfo> Settable(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetSetMethod() is not null);

    /// <summary>What a dictionary by name holds; null for anything else.</summary>
    private static Type? EntryOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Dictionary<,>) ? type.GetGenericArguments()[1] : null;

    private static bool IsValue(Type type) => (Nullable.GetUnderlyingType(type) ?? type).IsValueType;

    private static bool TryParse(Type type, string text, out object? value)
    {
        value = text;
        if (type == typeof(string))
            return true;
        try
        {
            value = TypeDescriptor.GetConverter(type).ConvertFromInvariantString(text);
            return value is not Enum || Enum.IsDefined(value.GetType(), value);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or NotSupportedException)
        {
            return false; // converters wrap what they find in an ArgumentException
        }
    }

    private static string Expected(Type type) =>
        (Nullable.GetUnderlyingType(type) ?? type) switch
        {
            var t when t == typeof(bool) => "true or false",
            var t when t.IsEnum => "one of " + string.Join(", ", Enum.GetNames(t)),
            var t when t == typeof(int) || t == typeof(long) => "a whole number in range",
            _ => "a number",
        };

    private static string Words(ValidationAttribute rule) =>
        rule is RangeAttribute range
            ? string.Create(CultureInfo.InvariantCulture, $"is not between {range.Minimum} and {range.Maximum}")
            : rule.FormatErrorMessage("");
}
