using Vigil.Model;

namespace Vigil.Registry.Activity;

/// <summary>Nobody was at home.</summary>
internal readonly record struct Outing(DateTime From, DateTime To);

/// <summary>When the home was empty. Pure.</summary>
internal static class Outings
{
    private static readonly TimeSpan Least = TimeSpan.FromMinutes(30);

    /// <summary>Longer ones are absences: a hospital, a journey. They are registered by people.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromHours(24);

    /// <summary>A door is opened and closed within this time, and the sensor in the hall may report who has left it just after.</summary>
    private static readonly TimeSpan Closing = TimeSpan.FromMinutes(2);

    /// <summary>
    /// From a change of the home's door to the next one, when nothing else showed life between them for half an hour or more. Whoever comes
    /// home comes through the door: a silence that anything else ends was a sleep, or a quiet hour in a chair.
    /// </summary>
    /// <param name="signs">Of one home, in order.</param>
    public static List<Outing> Of(IReadOnlyList<SignOfLife> signs)
    {
        var outings = new List<Outing>();
        DateTime? left = null,
            door = null;
        var seen = true; // at home, since somebody last came in
        foreach (var sign in signs)
        {
            if (IsDoor(sign))
            {
                // Opened and closed again: once through the door.
                if (door is { } opened && sign.At - opened <= Closing)
                {
                    left = left is null ? null : sign.At;
                }
                else if (left is { } from && sign.At - from >= Least && sign.At - from <= Most)
                {
                    outings.Add(new Outing(from, sign.At));
                    (left, seen) = (null, false);
                }
                else
                {
                    left = seen ? sign.At : null;
                }

                door = sign.At;
            }
            else if (IsOfTheHome(sign.Sense))
            {
                seen = true;
                if (left is { } from && sign.From >= from && sign.At > from + Closing)
                    left = null;
            }
        }

        return outings;
    }

    /// <summary>The door of the home, not of its refrigerator or toilet.</summary>
    public static bool IsDoor(in SignOfLife sign) => sign is { Sense: LifeSense.Door, Place: Place.Unknown };

    /// <summary>Not what a person carries along: a pendant, a watch.</summary>
    private static bool IsOfTheHome(LifeSense sense) =>
        sense is LifeSense.Use or LifeSense.Movement or LifeSense.Door or LifeSense.Bed or LifeSense.Switch or LifeSense.Appliance;
}
