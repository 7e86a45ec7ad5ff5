using System.Globalization;
using System.Text;
using QRCoder;

namespace Vigil.Web.Pages.Parts;

/// <summary>A QR code as the path of an SVG, a unit a module: it prints sharp at any size, and needs no style of its own.</summary>
internal static class QrPath
{
    /// <returns>Width and height in modules, with the quiet zone around the code; the path.</returns>
    public static (int Size, string Path) Of(string text)
    {
        using var code = QRCodeGenerator.GenerateQrCode(text, QRCodeGenerator.ECCLevel.M);
        var (rows, path) = (code.ModuleMatrix, new StringBuilder());
        for (var y = 0; y < rows.Count; y++)
        for (var x = 0; x < rows[y].Length; x++)
        {
            if (!rows[y][x])
                continue;
            var from = x;
            while (x + 1 < rows[y].Length && rows[y][x + 1])
                x++;
            path.Append(CultureInfo.InvariantCulture, $"M{from} {y}h{x - from + 1}v1H{from}z");
        }

        return (rows.Count, path.ToString());
    }
}
