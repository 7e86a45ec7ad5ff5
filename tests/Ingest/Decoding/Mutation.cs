using CsCheck;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>
/// Broken variants of real payloads, as a bad line, a gateway or an attacker could send them: random bytes, or real ones cut, changed or
/// joined. CsCheck prints the seed of a failure.
/// </summary>
public static class Mutation
{
    /// <param name="real">Real payloads.</param>
    /// <param name="seal">Corrects the checksum, so that the decoder doesn't stop at it; null leaves the bytes as they are.</param>
    public static Gen<byte[]> Of(byte[][] real, Func<byte[], byte[]?>? seal = null)
    {
        var one = Gen.Int[0, real.Length - 1].Select(i => real[i]);
        var changed = Gen.Select(one, Gen.Select(Gen.Int[0, 4096], Gen.Byte).Array[1, 4])
            .Select(
                (b, changes) =>
                {
                    var copy = (byte[])b.Clone();
                    foreach (var (at, value) in changes)
                        copy[at % copy.Length] = value;
                    return copy;
                }
            );
        var cut = Gen.Select(one, Gen.Int[0, 4096]).Select((b, at) => b[..(at % (b.Length + 1))]);
        var joined = Gen.Select(one, cut).Select((a, b) => a.Concat(b).ToArray());
        var all = Gen.OneOf(Gen.Byte.Array[0, 200], changed, cut, joined);
        return seal is null ? all : Gen.OneOf(all, changed.Select(b => seal(b) ?? b), cut.Select(b => seal(b) ?? b));
    }
}
