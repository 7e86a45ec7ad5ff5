using System.Globalization;
using System.Text;
using Vigil.Storage.Records;
using Vigil.Village;

namespace Vigil.Host.Commands;

/// <summary>The demo's homes as an import file, and the credentials of their devices.</summary>
internal static class DemoRegistry
{
    private const string Area = "440114003201";

    public static async Task<Dictionary<string, DeviceLogin>> LoginsAsync(
        Secrets secrets,
        IReadOnlyList<Household> homes,
        CancellationToken cancellation
    )
    {
        var logins = new Dictionary<string, DeviceLogin>();
        foreach (var home in homes)
        {
            foreach (
                var (device, topic) in new[]
                {
                    (home.WaterMeter, $"wmbusmeters/{home.WaterMeter}"),
                    (home.ElectricityMeter, $"dlt645/{home.ElectricityMeter}"),
                    (home.Button, $"zigbee2mqtt/{home.Button}"),
                    (home.Locator, $"jt808/{home.Locator}"),
                    (home.Sensor, $"vigil/{home.Sensor}/up"),
                }
            )
                logins[device] = new DeviceLogin(
                    device,
                    topic,
                    await secrets.CreateCredentialAsync(device, gateway: false, [], cancellation)
                );
        }

        return logins;
    }

    public static string Csv(IReadOnlyList<Household> homes)
    {
        var csv = new StringBuilder(
            "record,id,name,area,latitude,longitude,key,visitor id,visitor name,visitor phone,contact 1 name,contact 1 "
                + "relation,contact 1 phone,contact 2 name,contact 2 relation,contact 2 phone,device 1 id,device 1 profile,device 2 "
                + "id,device 2 profile,device 2 report,device 3 id,device 3 profile,device 4 id,device 4 profile,device 5 id,device "
                + "5 profile,device 5 report,phone\n"
        );
        foreach (var h in homes)
            csv.Append(
                CultureInfo.InvariantCulture,
                $"resident,{h.Id},{h.Name},{Area},{h.Home.Latitude:0.0000},{h.Home.Longitude:0.0000},{(h.Number % 4 == 0 ? "yes" : "no")},"
                    + $"V{h.Number % 3 + 1},{"周吴郑"[h.Number % 3]}志愿,1391234{h.Number % 3:0000},"
                    + $"{h.Name[..1]}小明,儿子,1380013{h.Number:0000},{h.Name[..1]}小红,女儿,1370013{h.Number:0000},"
                    + $"{h.WaterMeter},kamstrup/multical21,{h.ElectricityMeter},dlt645-2007,60,{h.Button},tuya/ts0215a,"
                    + $"{h.Locator},jt808,{h.Sensor},senml,60,\n"
            );
        csv.Append(
            CultureInfo.InvariantCulture,
            $"area,,云溪村,{Area}\nduty,D1,镇值班室,440114003,,,,,,,,,,,,,,,,,,,,,,,,,13600136000\n"
                + $"supervisor,S1,区主管,440114,,,,,,,,,,,,,,,,,,,,,,,,,13600136001\n"
        );
        return csv.ToString();
    }
}
