using System.Globalization;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Cayenne Low Power Payload (github.com/myDevicesIoT/cayenne-docs, "LoRa", and the types added by ElectronicCats/CayenneLPP after IPSO
/// objects): channel, type, big-endian value. The channel number is the reading's channel, so that two probes of one device stay two.
/// </summary>
internal static class CayenneLpp
{
    public static Wording? Read(ReadOnlySpan<byte> rest, int port, DateTime? time, DecodedPayload into)
    {
        if (rest.Length < 3)
            return new Wording(
                $"{rest.Length} bytes: too short for a channel, a type and a value",
                $"只有 {rest.Length} 字节：不足一个通道、类型和数值"
            );
        var any = false;
        while (rest.Length >= 2)
        {
            byte channel = rest[0],
                type = rest[1];
            var length = Length(type);
            // A zero channel and type pad the frame.
            if (channel == 0 && type == 0 && any)
                return null;
            if (length < 0)
                return any
                    ? null
                    : new Wording(
                        $"type {type} of channel {channel} is not one of Cayenne LPP",
                        $"通道 {channel} 的类型 {type} 不是 Cayenne LPP 的类型"
                    );
            if (rest.Length < 2 + length)
                return new Wording($"type {type} of channel {channel} is cut off", $"通道 {channel} 的类型 {type} 不完整");
            Add(channel.ToString(CultureInfo.InvariantCulture), type, rest.Slice(2, length), ref time, into);
            rest = rest[(2 + length)..];
            any = true;
        }

        return null;
    }

    private static int Length(byte type) =>
        type switch
        {
            0 or 1 or 102 or 104 or 120 or 142 => 1, // digital input and output, presence, humidity, percentage, switch
            // analogue, light, temperature, pressure, voltage, current, altitude, concentration, power, direction
            2 or 3 or 101 or 103 or 115 or 116 or 117 or 121 or 125 or 128 or 132 => 2,
            100 or 118 or 130 or 131 or 133 => 4, // generic, frequency, distance, energy, time
            113 or 134 => 6, // accelerometer, gyrometer
            135 => 3, // colour
            136 => 9, // GPS
            _ => -1,
        };

    private static void Add(string channel, byte type, ReadOnlySpan<byte> value, ref DateTime? time, DecodedPayload into)
    {
        switch (type)
        {
            case 1:
                into.Add(Metric.SwitchOn, value[0] == 0 ? 0 : 1, time, channel);
                break;
            case 2:
                into.Add(Metric.AnalogInput, Signed(value) / 100.0, time, channel);
                break;
            case 101:
                into.Add(Metric.Illuminance, Unsigned(value), time, channel);
                break;
            case 102:
                into.Add(Metric.Presence, value[0] == 0 ? 0 : 1, time, channel);
                break;
            case 103:
                into.Add(Metric.AirTemperature, Signed(value) / 10.0, time, channel);
                break;
            case 104:
                into.Add(Metric.AirHumidity, value[0] / 2.0, time, channel);
                break;
            case 115:
                into.Add(Metric.AirPressure, Unsigned(value) * 10.0, time, channel);
                break; // tenths of hPa
            case 116:
                into.Add(Metric.ElectricityVoltage, Unsigned(value) / 100.0, time, channel);
                break;
            case 117:
                into.Add(Metric.ElectricityCurrent, Unsigned(value) / 1000.0, time, channel);
                break;
            case 118:
                into.Add(Metric.ElectricityFrequency, Unsigned(value), time, channel);
                break;
            case 120:
                into.Add(Metric.BatteryLevel, value[0], time, channel);
                break;
            case 121:
                into.Add(Metric.LocationAltitude, Signed(value), time, channel);
                break;
            case 125:
                into.Add(Metric.AirCarbonDioxide, Unsigned(value), time, channel);
                break;
            case 128:
                into.Add(Metric.ElectricityPower, Unsigned(value), time, channel);
                break;
            case 131:
                into.Add(Metric.ElectricityEnergy, Unsigned(value) / 1000.0, time, channel);
                break; // kWh × 1000
            case 133:
                time = DateTime.UnixEpoch.AddSeconds(Unsigned(value));
                break; // of what follows
            case 136:
                double latitude = Signed(value[..3]) / 10_000.0,
                    longitude = Signed(value[3..6]) / 10_000.0;
                if (latitude == 0 && longitude == 0)
                    break; // no fix
                into.AddLocation(latitude, longitude, time);
                into.Add(Metric.LocationAltitude, Signed(value[6..]) / 100.0, time, channel);
                break;
            case 142:
                into.Add(Metric.SwitchOn, value[0] == 0 ? 0 : 1, time, channel);
                break;
        }
    }

    private static long Unsigned(ReadOnlySpan<byte> value)
    {
        long number = 0;
        foreach (var b in value)
            number = number << 8 | b;
        return number;
    }

    private static long Signed(ReadOnlySpan<byte> value)
    {
        var shift = 64 - 8 * value.Length;
        return Unsigned(value) << shift >> shift;
    }
}
