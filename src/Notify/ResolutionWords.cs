using System.Collections.Frozen;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>How an alarm ended, in words.</summary>
public static class ResolutionWords
{
    private static readonly FrozenDictionary<Resolution, Wording> All = new Dictionary<Resolution, Wording>
    {
        [Resolution.None] = new("not resolved", "未办结"),
        [Resolution.True] = new("True: help was needed", "属实：需要帮助"),
        [Resolution.FalseAway] = new("False: was away", "误报：外出"),
        [Resolution.FalseHabit] = new("False: a habit", "误报：生活习惯"),
        [Resolution.FalseDevice] = new("False: the device", "误报：设备"),
        [Resolution.FalseMistake] = new("False: by mistake", "误报：误触"),
        [Resolution.Test] = new("Test", "测试"),
        [Resolution.Technical] = new("Technical", "技术原因"),
        [Resolution.Cleared] = new("Ended by itself", "自动解除"),
    }.ToFrozenDictionary();

    public static Wording Of(Resolution resolution) => All.GetValueOrDefault(resolution) ?? Wording.Same(resolution.ToString());
}
