using Vigil.Model;

namespace Vigil.Rules.Kinds;

/// <summary>Where the learned pattern of a life meets the readings of its meters.</summary>
internal static class Judgement
{
    public static void Inactivity(in Turn turn, in Consumption.Utility utility, UseTracker use, long from, long time, double used, bool placed)
    {
    }
}
