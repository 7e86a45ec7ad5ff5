using Microsoft.Extensions.Time.Testing;
using Vigil.Host.Commands;
using Vigil.Registry;

namespace Vigil.Tests.Host;

/// <summary>The terminal shows how fast an import is and how long it still takes.</summary>
public sealed class ImportTerminalTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly StringWriter output = new();

    [Fact]
    public void A_terminal_has_one_line_that_is_written_over_and_gone_at_the_end()
    {
        using var terminal = new ImportTerminal(output, redirected: false, clock);
        for (var second = 1; second <= 3; second++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            terminal.Report(new ImportProgress(false, second * 1000, second / 10.0));
        }

        Assert.Equal(
            ["", "checked 1000 rows, 1000/s, 0:09 left", "checked 2000 rows, 1000/s, 0:08 left", "checked 3000 rows, 1000/s, 0:07 left"],
            output.ToString().Split('\r').Select(l => l.TrimEnd())
        );
        terminal.End();
        Assert.EndsWith("\r", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', output.ToString());
    }

    [Fact]
    public void A_file_has_a_line_each_ten_seconds_and_writing_is_reckoned_from_its_own_beginning()
    {
        using var terminal = new ImportTerminal(output, redirected: true, clock);
        for (var second = 1; second <= 40; second++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            if (second <= 20)
                terminal.Report(new ImportProgress(false, second * 1000, null));
            else
                terminal.Report(new ImportProgress(true, (second - 20) * 100, (second - 20) / 40.0));
        }

        Assert.Equal(
            [
                "checked 10000 rows, 1000/s",
                "checked 20000 rows, 1000/s",
                "written 1000 rows, 111/s, 0:27 left",
                "written 2000 rows, 105/s, 0:19 left",
            ],
            output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
        );
    }
}
