using Vigil.Model;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Vigil.Settings;

/// <summary>Reads a YAML file from the disk.</summary>
internal static class YamlFile
{
    /// <summary>The mapping at the top of a file; null, with problems, when there is none or the file can't be read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shownAs">Its name in problems.</param>
    /// <param name="problems">Gets them.</param>
    public static YamlMappingNode? Top(string path, string shownAs, List<Problem> problems)
    {
        try
        {
            var text = File.ReadAllText(path);
            if (YamlDepth.TooDeep(text) is { } line)
            {
                problems.Add(
                    new Problem(
                        shownAs,
                        line,
                        "",
                        "",
                        new Wording($"is nested deeper than {YamlDepth.Most} levels", $"嵌套超过 {YamlDepth.Most} 层")
                    )
                );
                return null;
            }

            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            if (stream.Documents.Count == 1 && stream.Documents[0].RootNode is YamlMappingNode top)
                return top;
            problems.Add(
                new Problem(shownAs, 1, "", "", new Wording("the file has to hold one mapping (key: value)", "文件内容应为一组“键: 值”"))
            );
        }
        catch (YamlException e)
        {
            problems.Add(
                new Problem(
                    shownAs,
                    (int)e.Start.Line,
                    "",
                    "",
                    new Wording($"is not YAML: {e.InnerException?.Message ?? e.Message}", "不是有效的 YAML")
                )
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) // the latter: a folder, too
        {
            problems.Add(new Problem(shownAs, 0, "", "", new Wording(e.Message, "文件无法读取")));
        }

        return null;
    }
}
