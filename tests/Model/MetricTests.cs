namespace Vigil.Tests;

public sealed class MetricTests
{
    [Fact]
    public void Every_metric_is_found_by_its_name() =>
        Assert.All(Vigil.Model.Metric.All, m => Assert.Same(m, Vigil.Model.Metric.Parse(m.Name)));
}
