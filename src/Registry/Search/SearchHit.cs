namespace Vigil.Registry.Search;

/// <summary>By what something was found, in the order in which results are shown.</summary>
public enum SearchKind
{
    /// <summary>A resident by name or number.</summary>
    Resident,

    /// <summary>A resident, contact or visitor by the whole phone number.</summary>
    Phone,

    /// <summary>A resident by a part of the address.</summary>
    Address,

    /// <summary>A resident by a contact's name.</summary>
    Contact,

    /// <summary>A visitor by name or number.</summary>
    Visitor,

    /// <summary>A device by the beginning of its id or label.</summary>
    Device,

    /// <summary>An area by a part of its name or the beginning of its code.</summary>
    Area,

    /// <summary>A resident by category.</summary>
    Category,
}

/// <summary>Something that was found.</summary>
/// <param name="Kind">By what.</param>
/// <param name="Title">A name, or a device's id.</param>
/// <param name="Detail">What tells it from others of the name; never a phone number in full.</param>
/// <param name="Resident">Number of the resident whose page shows it; null for what is no resident's.</param>
/// <param name="Id">Its own number, id or code.</param>
public sealed record SearchHit(SearchKind Kind, string Title, string Detail, string? Resident, string Id);

/// <summary>What was found by one kind.</summary>
/// <param name="Hits">A page of them.</param>
/// <param name="Next">Where the next page begins; null when there is none.</param>
public sealed record SearchGroup(SearchKind Kind, IReadOnlyList<SearchHit> Hits, int? Next);
