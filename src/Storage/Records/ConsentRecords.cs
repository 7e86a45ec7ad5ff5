using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// The one place that writes a decision: the row of history, and what holds now on the resident. The running service follows the resident's
/// row, so a decision is in force with the change feed.
/// </summary>
public static class ConsentRecords
{
    /// <summary>What holds now.</summary>
    public static bool Agrees(this Resident resident, Purpose purpose) =>
        purpose switch
        {
            Purpose.Visits => resident.ConsentService,
            Purpose.DailyLife => resident.ConsentDailyLife,
            Purpose.Monitoring => !resident.RefusesMonitoring,
            Purpose.Location => !resident.RefusesLocation,
            Purpose.Health => !resident.RefusesHealth,
            _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, null),
        };

    /// <summary>Adds the decision to the context; the caller saves it together with its other changes.</summary>
    /// <param name="db">Tracks the resident.</param>
    /// <param name="resident">Is changed accordingly.</param>
    /// <param name="decision">The row.</param>
    public static void Decide(this RecordsDb db, Resident resident, Consent decision)
    {
        var agrees = decision.Decision == ConsentDecision.Given;
        switch (decision.Purpose)
        {
            case Purpose.Visits:
                resident.ConsentService = agrees;
                break;
            case Purpose.DailyLife:
                resident.ConsentDailyLife = agrees;
                break;
            case Purpose.Monitoring:
                resident.RefusesMonitoring = !agrees;
                break;
            case Purpose.Location:
                resident.RefusesLocation = !agrees;
                break;
            default:
                resident.RefusesHealth = !agrees;
                break;
        }

        resident.UpdatedAt = decision.RecordedAt;
        db.Consents.Add(decision);
    }
}
