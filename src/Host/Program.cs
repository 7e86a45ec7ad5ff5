using System.CommandLine;
using Vigil.Host.Commands;

namespace Vigil.Host;

/// <summary>The command line: a list of its commands.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        OwnerOnly.FromNowOn();
        var root = new RootCommand(
            "Vigil (守望): watches over older people at home and keeps telling people until somebody answers for it. Not a medical "
                + "device; not a replacement for emergency services."
        )
        {
            RunCommand.Create(),
            DemoCommand.Create(),
            CheckCommand.Create(),
            DecodeCommand.Create(),
            ProfilesCommand.Create(),
            BacktestCommand.Create(),
            ImportCommand.Create(),
            ExportCommand.Create(),
            CredentialCommand.Create(),
            DevicesCommand.Create(),
            RotateKeyCommand.Create(),
            ApiKeyCommand.Create(),
            UserCommand.Create(),
            BackupCommand.Create(),
            BackupCommand.CreateRestore(),
        };
        // The service handles SIGTERM itself (StopSignals): the command line library would end it after two seconds, amid its commits.
        var parsed = root.Parse(args);
        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false }
            );
        }
        catch (Exception e)
        {
            return Failure.Say(parsed.CommandResult.Command.Name, e);
        }
    }
}
