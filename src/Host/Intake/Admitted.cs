using Vigil.Ingest.Mqtt;

namespace Vigil.Host.Intake;

/// <summary>What becomes of a message.</summary>
/// <param name="Taken">Its content, to be committed; null when there is nothing to commit.</param>
/// <param name="Answer">The answer to its sender when nothing is committed.</param>
/// <param name="Calls">Life-safety readings of devices that are in nobody's home; null when there are none.</param>
/// <param name="NewStranger">It is of a device that nobody has registered and that is not in the records yet.</param>
internal readonly record struct Admitted(
    Pending? Taken,
    Receipt Answer = Receipt.Committed,
    bool NewStranger = false,
    UnboundCall? Calls = null
);
