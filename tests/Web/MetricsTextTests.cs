using System.Diagnostics.Metrics;
using Vigil.Web;

namespace Vigil.Tests.Web;

/// <summary>The text of /metrics, as a scraper reads it.</summary>
public sealed class MetricsTextTests
{
    [Fact]
    public void A_counter_has_a_series_for_each_kind_and_begins_at_none()
    {
        using var text = new MetricsText();
        using var meter = new Meter("Vigil");
        var held = meter.CreateCounter<long>("vigil_test_held", description: "Held back");
        Assert.Contains("# TYPE vigil_test_held counter\nvigil_test_held 0\n", text.Write(), StringComparison.Ordinal);
        held.Add(1, new KeyValuePair<string, object?>("kind", "no-water"));
        held.Add(2, new KeyValuePair<string, object?>("kind", "no-water"));
        held.Add(1, new KeyValuePair<string, object?>("kind", "a \"b\"\\\n"));
        Assert.Contains(
            "# HELP vigil_test_held Held back\n# TYPE vigil_test_held counter\n"
                + "vigil_test_held{kind=\"a \\\"b\\\"\\\\\\n\"} 1\nvigil_test_held{kind=\"no-water\"} 3\n",
            text.Write(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_gauge_is_asked_when_somebody_looks_and_other_meters_are_left_out()
    {
        using var text = new MetricsText();
        using var meter = new Meter("Vigil");
        using var others = new Meter("Somebody.Elses");
        others.CreateCounter<long>("somebody_elses").Add(1);
        var value = 1;
        meter.CreateObservableGauge("vigil_test_gauge", () => value);
        Assert.Contains("# TYPE vigil_test_gauge gauge\nvigil_test_gauge 1\n", text.Write(), StringComparison.Ordinal);
        value = 7;
        var written = text.Write();
        Assert.Contains("vigil_test_gauge 7\n", written, StringComparison.Ordinal);
        Assert.DoesNotContain("somebody_elses", written, StringComparison.Ordinal);
    }
}
