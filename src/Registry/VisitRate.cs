namespace Vigil.Registry;

/// <summary>Share of a town's residents who were visited in a calendar month (月探访率), in any form of the policy document.</summary>
/// <param name="Month">Such as 2026-03, of the service's time zone.</param>
/// <param name="Area">Town, 9 digits.</param>
/// <param name="Name">Name of the town; its code where the registry has none.</param>
/// <param name="Residents">Residents who agreed to the service and were in the registry before the month's end.</param>
/// <param name="Visited">Those of them who were visited at least once.</param>
public sealed record VisitRate(string Month, string Area, string Name, int Residents, int Visited)
{
    public double Share => Residents == 0 ? 0 : (double)Visited / Residents;
}
