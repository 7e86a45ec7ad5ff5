using System.Text;
using Vigil.Host.Backtest;
using Vigil.Rules;

namespace Vigil.Tests.Host;

public sealed class BacktestRunTests
{
    [Fact]
    public void Rows_that_can_not_be_used_are_told_with_line_and_value_and_gzip_is_read()
    {
        const string Csv =
            "resident,device,metric,time,value\nR1,w,water.volume,2026-01-01T08:00:00+08:00,1\n"
            + "R1,w,water.volum,2026-01-01T09:00:00Z,1\nR1,w,water.volume,yesterday,1\nR1,w,water.volume,2026-01-01T09:00:00Z,abc\n"
            + "R1,w\r\n\"R1\",w,water.volume,2026-01-02T00:00:00Z,\"1\"\r\nR1,b,button,2026-01-01T00:30:00Z,sos\n";
        using var zipped = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(zipped, System.IO.Compression.CompressionMode.Compress, leaveOpen: true))
            gzip.Write(Encoding.UTF8.GetBytes(Csv));
        zipped.Position = 0;
        var output = new StringWriter();
        var errors = new StringWriter();
        Assert.Equal(
            0,
            BacktestRun.Run(RuleSet.Default, TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"), zipped, null, null, output, errors)
        );
        Assert.Contains("line 3: 'water.volum'", errors.ToString());
        Assert.Contains("line 4: 'yesterday'", errors.ToString());
        Assert.Contains("line 5: 'abc'", errors.ToString());
        Assert.Contains("line 6: 'R1,w'", errors.ToString());
        Assert.Contains("3 readings of 1 residents, 4 rows not used", errors.ToString());
        Assert.Contains(
            "\"raised\":\"2026-01-02T00:00:00Z\",\"cleared\":null,\"episode\":\"no-water/2026-01-01T00:00:00Z\"",
            output.ToString()
        );
        Assert.Contains("\"kind\":\"sos\",\"severity\":\"critical\",\"raised\":\"2026-01-01T00:30:00Z\"", output.ToString());
    }
}
