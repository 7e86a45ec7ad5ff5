namespace Vigil.Model;

/// <summary>
/// The press by which the service proves to itself that a press is heard: of a device and a home that stand in no registry, told to nobody
/// who cares for anybody, shown nowhere but on the health page, and taken away when it has come round.
/// </summary>
public static class SelfTest
{
    /// <summary>The device, its user name at the broker, the home, and who is told.</summary>
    public const string Name = "vigil-self-test";

    /// <summary>The channel that leads back into the service; another is <c>Health:CanaryTo</c>.</summary>
    public const string Channel = "self-test";

    public static string Text(string language) =>
        language == "en" ? "[Vigil] Self-test: the alarm path works. Nobody has to do anything." : "【守望】自检：报警通道正常，无需处理。";
}
