using Microsoft.Playwright;

namespace Vigil.Tests.Browser;

/// <summary>Debian's chromium, driven by Playwright, which downloads no browser of its own.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    /// <summary>Names of the pictures in docs/images.</summary>
    private static readonly string[] Shown =
    [
        "board",
        "board-dark",
        "bulk",
        "alarm",
        "resident",
        "devices",
        "visits",
        "my-day",
        "visit",
        "visit-record",
        "contact",
        "statistics",
        "rules",
        "webhooks",
    ];

    private readonly IPlaywright playwright;
    private readonly IBrowser browser;

    private Chromium(IPlaywright playwright, IBrowser browser) => (this.playwright, this.browser) = (playwright, browser);

    public static async Task<Chromium> StartAsync()
    {
        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions
            {
                ExecutablePath = "/usr/bin/chromium",
                Headless = true,
                Args =
                [
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ],
            }
        );
        return new Chromium(playwright, browser);
    }

    public async Task<IPage> PageAsync(Uri url, int width = 1366, int height = 768, bool scripts = true, bool dark = false)
    {
        var context = await browser.NewContextAsync(
            new BrowserNewContextOptions
            {
                BaseURL = url.ToString(),
                ViewportSize = new ViewportSize { Width = width, Height = height },
                JavaScriptEnabled = scripts,
                Locale = "zh-CN",
                ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
                ReducedMotion = ReducedMotion.Reduce,
                BypassCSP = false,
            }
        );
        context.SetDefaultTimeout(15_000);
        return await context.NewPageAsync();
    }

    /// <summary>Opens the board and waits until it is live, so that it not only shows but also answers.</summary>
    public static async Task OpenBoardAsync(IPage page)
    {
        await page.GotoAsync("/");
        await page.WaitForFunctionAsync("() => Number(document.querySelector('[data-beat]')?.dataset.beat) > 0");
    }

    /// <summary>Waits until a page is live: its buttons work.</summary>
    public static Task LiveAsync(IPage page) => page.WaitForSelectorAsync("#live", new() { State = WaitForSelectorState.Attached });

    /// <summary>
    /// Saves a picture of the page in .artifacts/images; those that documents show go into docs/images too when <c>./test pictures</c> asks
    /// for it.
    /// </summary>
    public static async Task PictureAsync(IPage page, string name)
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "images");
        Directory.CreateDirectory(folder);
        var path = Path.GetFullPath(Path.Combine(folder, name + ".png"));
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = path });
        if (Environment.GetEnvironmentVariable("VIGIL_PICTURES") is not null && Array.Exists(Shown, s => s == name))
            File.Copy(path, Path.Combine(folder, "..", "..", "docs", "images", name + ".png"), overwrite: true);
    }

    /// <summary>Saves a picture of a part of a page in its full height.</summary>
    public static Task PictureOfAsync(ILocator part, string name) =>
        part.ScreenshotAsync(
            new LocatorScreenshotOptions { Path = Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "images", name + ".png") }
        );

    public async ValueTask DisposeAsync()
    {
        await browser.DisposeAsync();
        playwright.Dispose();
    }
}
