using Vigil.Model;

namespace Vigil.Registry.Edits;

/// <summary>Who edits.</summary>
/// <param name="Who">For the audit log.</param>
/// <param name="Area">Code of the area that the person is bound to; nothing outside it is seen or changed.</param>
public sealed record Editor(string Who, string Area);

/// <summary>What becomes of an edit.</summary>
public enum EditResult
{
    Done,

    /// <summary>There is no such record, or none that the person may see.</summary>
    Missing,

    /// <summary>The person sees it and may not change it: it belongs to an area above or beside.</summary>
    NotYours,

    /// <summary>Somebody has changed it since it was read.</summary>
    Changed,

    /// <summary>Something that was given can't be used.</summary>
    Wrong,

    /// <summary>There is one with this id already.</summary>
    Taken,

    /// <summary>Somebody stands on it: it can't be removed.</summary>
    Needed,
}

/// <summary>A field that can't be used.</summary>
/// <param name="Field">As the API calls it; as it was written where there is none.</param>
/// <param name="Value">What was given.</param>
/// <param name="Why">In words.</param>
public sealed record FieldProblem(string Field, string Value, Wording Why);

/// <summary>An earlier change of a record, as the audit log has it.</summary>
/// <param name="Who">Did it.</param>
/// <param name="At">UTC.</param>
/// <param name="What">Field by field, masked; in English.</param>
public sealed record EarlierChange(string Who, DateTime At, string What);

/// <summary>What became of an edit. Unless it is done, nothing was written.</summary>
public sealed record EditOutcome(EditResult Result)
{
    /// <summary>Of the record.</summary>
    public string Id { get; init; } = "";

    /// <summary>The record's version now.</summary>
    public string Version { get; init; } = "";

    /// <summary>Field by field, old → new, masked.</summary>
    public IReadOnlyList<Wording> Changes { get; init; } = [];

    public IReadOnlyList<FieldProblem> Problems { get; init; } = [];

    /// <summary>Why not.</summary>
    public Wording Why { get; init; } = Wording.None;

    /// <summary>Who changed it meanwhile, as far as the audit log knows.</summary>
    public EarlierChange? Meanwhile { get; init; }
}
