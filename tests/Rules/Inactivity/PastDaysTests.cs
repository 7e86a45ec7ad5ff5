using Vigil.Rules;
using Vigil.Rules.Inactivity;

namespace Vigil.Tests.Rules.Inactivity;

/// <summary>The days of a home take as much room as is known of them, and say the same as 128 bits for each half hour would.</summary>
public sealed class PastDaysTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_was_used_is_known_for_128_days_whatever_room_it_takes(int seed)
    {
        var random = new Random(seed);
        var (days, model) = (new PastDays(), new UInt128[PastDays.Slots]);
        days.StartAt(739_000);
        for (var day = 0; day < 300; day++)
        {
            // Weeks without anything, days that come late, and days as they are.
            for (var i = day / 20 % 3 == 1 ? 0 : random.Next(30); i > 0; i--)
            {
                var (slot, back) = (random.Next(PastDays.Slots), random.Next(8) == 0 ? random.Next(140) : 0);
                days.MarkUsed((days.Day - back) * PastDays.Slots + slot);
                if (back < 128)
                    model[slot] |= UInt128.One << back;
            }

            for (var slot = 0; slot < PastDays.Slots; slot++)
                Assert.Equal(model[slot], days.UsedIn(slot));
            var at = random.Next(128);
            Assert.Equal((model[7] >> at & 1) != 0, days.IsUsed((days.Day - at) * PastDays.Slots + 7));
            if (random.Next(10) == 0)
                days = Again(days);
            days.NextDay(known: random.Next(9) > 0);
            for (var slot = 0; slot < PastDays.Slots; slot++)
                model[slot] <<= 1;
        }
    }

    [Fact]
    public void A_day_takes_a_byte_of_each_half_hour_until_the_ninth()
    {
        var days = new PastDays();
        days.StartAt(739_000);
        for (var day = 0; day < 9; day++, days.NextDay(known: true))
        {
            days.MarkUsed(days.Day * PastDays.Slots + 3);
            Assert.Equal(16 + 1 + PastDays.Slots * (day < 8 ? 1 : 2), Bytes(days).Length);
        }
    }

    private static PastDays Again(PastDays days)
    {
        using var reader = new BinaryReader(new MemoryStream(Bytes(days)));
        var again = new PastDays();
        again.StartAt(days.Day);
        again.Read(reader, wide: false);
        return again;
    }

    private static byte[] Bytes(PastDays days)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        days.Write(writer);
        return stream.ToArray();
    }
}
