using System.Globalization;
using Vigil.Model;

namespace Vigil.Notify;

/// <summary>Who is told, in the order of escalation: a later one is told when an earlier one did not settle it.</summary>
public enum RecipientKind
{
    /// <summary>No recipient of a plan: the rules, another system, an account.</summary>
    Other,

    /// <summary>The service itself, which is told of its own self-test.</summary>
    SelfTest,
    Contact,
    Visitor,
    Duty,
    Supervisor,
}

/// <summary>
/// Who is told or has answered, as it is written in policies, steps, notices and on timelines: a place in the plan (<c>contacts</c>,
/// <c>contact 2</c>, <c>visitor</c>, <c>duty</c>, <c>supervisor</c>) or a person (<c>contact:{id}</c>, <c>visitor:{id}</c>,
/// <c>duty:{id}</c>, <c>supervisor:{id}</c>).
/// </summary>
/// <param name="Kind">What they are to the resident.</param>
/// <param name="Order">Of a contact of a plan: 1–9, first to be told; 0: all contacts, or not known.</param>
/// <param name="Id">Of a person; of the self-test the address it is told to; empty for a place in the plan.</param>
public readonly record struct Recipient(RecipientKind Kind, int Order = 0, string Id = "")
{
    /// <summary>
    /// Reads one; anything else (<c>api:…</c>, <c>rules</c>, the name of an account) is <see cref="RecipientKind.Other"/>.
    /// </summary>
    public static Recipient Parse(string text)
    {
        var at = text.AsSpan().IndexOfAny(' ', ':');
        var (word, rest) = at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);
        var isPlace = at < 0 || text[at] == ' ';
        return (word, isPlace) switch
        {
            ("contacts", true) when rest.Length == 0 => new(RecipientKind.Contact),
            ("contact", true) when rest is [>= '1' and <= '9' and var order] => new(RecipientKind.Contact, order - '0'),
            (SelfTest.Name, true) => new(RecipientKind.SelfTest, Id: rest),
            ("contact", false) => new(RecipientKind.Contact, Id: rest),
            ("visitor", _) when isPlace == (rest.Length == 0) => new(RecipientKind.Visitor, Id: rest),
            ("duty", _) when isPlace == (rest.Length == 0) => new(RecipientKind.Duty, Id: rest),
            ("supervisor", _) when isPlace == (rest.Length == 0) => new(RecipientKind.Supervisor, Id: rest),
            _ => new(RecipientKind.Other),
        };
    }

    /// <summary>A place in a plan that a policy may name.</summary>
    public static bool IsPlace(string text) => Parse(text) is { Kind: >= RecipientKind.Contact, Id: "" };

    public override string ToString() =>
        (Kind, Id) switch
        {
            (RecipientKind.Other, _) => "",
            (RecipientKind.SelfTest, "") => SelfTest.Name,
            (RecipientKind.SelfTest, _) => $"{SelfTest.Name} {Id}",
            (RecipientKind.Contact, "") => Order == 0 ? "contacts" : string.Create(CultureInfo.InvariantCulture, $"contact {Order}"),
            (_, "") => Word,
            _ => $"{Word}:{Id}",
        };

    private string Word =>
        Kind switch
        {
            RecipientKind.Contact => "contact",
            RecipientKind.Visitor => "visitor",
            RecipientKind.Duty => "duty",
            _ => "supervisor",
        };

    /// <summary>A place in the plan, in Chinese.</summary>
    internal string Chinese =>
        Kind switch
        {
            RecipientKind.Contact => Order == 0 ? "全部联系人" : string.Create(CultureInfo.InvariantCulture, $"联系人{Order}"),
            RecipientKind.Visitor => "探访人",
            RecipientKind.Duty => "值班人员",
            RecipientKind.Supervisor => "值班主管",
            _ => ToString(),
        };

    /// <summary>Whether this one is told when the other answered and nothing came of it. Among contacts their order counts.</summary>
    internal bool IsAbove(Recipient other) =>
        Kind > other.Kind || (Kind == other.Kind && Kind == RecipientKind.Contact && Order > other.Order);
}
