using System.Buffers.Binary;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Milesight's channel-type-value uplinks (user guides of the EM300, WS, VS and AM series, "Payload"), little-endian, port 85.
/// Type 00 is one state whose meaning the model decides. A type not known here ends the reading: its length isn't known either.
/// </summary>
internal static class Milesight
{
    public static Layout For(Metric? state) => (bytes, port, time, into) => Read(bytes, port, time, into, state);

    private static string? Read(ReadOnlySpan<byte> rest, int port, DateTime? time, DecodedPayload into, Metric? state)
    {
        if (port != 85) return $"port {port}: Milesight devices report on port 85";
        if (rest.Length < 3) return $"{rest.Length} bytes: too short for a channel, a type and a value";
        while (rest.Length >= 2)
        {
            byte channel = rest[0], type = rest[1];
            var value = rest[2..];
            if (channel is 0x20 or 0x21 && type == 0xCE)
            {
                // The history's layout is the model's; here the frame of the EM300 leak and door sensors: time, temperature, humidity, state.
                if (value.Length < 8 || state is null) return "history of a layout that isn't known for this model";
                var then = DateTime.UnixEpoch.AddSeconds(BinaryPrimitives.ReadUInt32LittleEndian(value));
                // 0 °C at 0 % is a model without that sensor (EM300-MLD).
                if (value[6] != 0)
                {
                    into.Add(Metric.AirTemperature, BinaryPrimitives.ReadInt16LittleEndian(value[4..]) / 10.0, then, flags: ReadingFlags.History);
                    into.Add(Metric.AirHumidity, value[6] / 2.0, then, flags: ReadingFlags.History);
                }

                into.Add(state, value[7] == 0 ? 0 : 1, then, flags: ReadingFlags.History);
                rest = value[8..];
                continue;
            }

            var length = (channel, type) switch
            {
                (0xFF, 0x01 or 0x0A or 0x09) => type == 0x01 ? 1 : 2, (0xFF, 0x0B or 0x0F or 0x2E) => 1, (0xFF, 0x16) => 8, (0xFF, 0x08) => 6,
                (_, 0x75 or 0x00 or 0x68 or 0x81 or 0x70) => 1, (_, 0x67 or 0x74 or 0xC9) => 2, (_, 0x80 or 0x83 or 0x97) => 4, (0x04, 0x88) => 9,
                _ => -1,
            };
            if (length < 0) return into.Readings.Count > 0 ? null : $"channel {channel:x2} type {type:x2} is not known";
            if (value.Length < length) return $"channel {channel:x2} type {type:x2} is cut off";
            Add(channel, type, value, time, into, state);
            rest = value[length..];
        }

        return null;
    }

    private static void Add(byte channel, byte type, ReadOnlySpan<byte> value, DateTime? time, DecodedPayload into, Metric? state)
    {
        switch (type)
        {
            case 0x75 when channel == 0x01: into.Add(Metric.BatteryLevel, value[0], time); break;
            case 0x67: into.Add(Metric.AirTemperature, BinaryPrimitives.ReadInt16LittleEndian(value) / 10.0, time); break;
            case 0x68: into.Add(Metric.AirHumidity, value[0] / 2.0, time); break;
            case 0x74: into.Add(Metric.ElectricityVoltage, BinaryPrimitives.ReadUInt16LittleEndian(value) / 10.0, time); break;
            case 0x80: into.Add(Metric.ElectricityPower, BinaryPrimitives.ReadUInt32LittleEndian(value), time); break;
            case 0x81: into.Add(Metric.ElectricityPowerFactor, value[0] / 100.0, time); break;
            case 0x83: into.Add(Metric.ElectricityEnergy, BinaryPrimitives.ReadUInt32LittleEndian(value) / 1000.0, time); break;
            case 0xC9: into.Add(Metric.ElectricityCurrent, BinaryPrimitives.ReadUInt16LittleEndian(value) / 1000.0, time); break;
            case 0x70: into.Add(Metric.SwitchOn, value[0] & 1, time); break;
            case 0x2E when channel == 0xFF: into.AddEvent(Metric.Button, value[0] switch { 1 => "pressed", 2 => "long", 3 => "double", _ => "pressed" }, time); break;
            // The second state of the WS301 is its mount. The maker's sample calls 1 "installed", other texts call it the opposite: left out until one device has been seen.
            case 0x00 when state == Metric.DoorOpen && channel == 0x04: break;
            case 0x00 when state is not null: into.Add(state, value[0] == 0 ? 0 : 1, time); break;
            case 0x88:
                int latitude = BinaryPrimitives.ReadInt32LittleEndian(value), longitude = BinaryPrimitives.ReadInt32LittleEndian(value[4..]);
                if ((latitude != 0 || longitude != 0) && latitude != -1) into.AddLocation(latitude / 1e6, longitude / 1e6, time);
                break;
        }
    }
}
