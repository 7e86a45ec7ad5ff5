namespace Vigil.Model;

/// <summary>
/// The press by which the service tests the whole path of an alarm: of a device and a home that are in no registry, told to no contact or
/// officer, shown only on the health page, and removed when it has arrived.
/// </summary>
public static class SelfTest
{
    /// <summary>Name of the device, of its login at the broker, of the home, and of the recipient.</summary>
    public const string Name = "vigil-self-test";

    /// <summary>The channel that leads back into the service; <c>Health:CanaryTo</c> can name another.</summary>
    public const string Channel = "self-test";

    public static string Text(string language) =>
        language == "en" ? "[Vigil] Self-test: the alarm path works. Nobody has to do anything." : "【守望】自检：报警通道正常，无需处理。";
}
