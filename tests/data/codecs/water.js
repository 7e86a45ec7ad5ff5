// A small decoder in the style of the repository's: bit operations, template strings, destructuring.
const swap = ([a, b, c, d]) => ((d << 24) | (c << 16) | (b << 8) | a) >>> 0;
function decodeUplink(input) {
  const { bytes, fPort } = input;
  switch (fPort) {
    case 1:
      return { data: { total_litres: swap(bytes.slice(0, 4)), battery: 3.6, id: `m-${bytes[4].toString(16).padStart(2, '0')}`, at: input.recvTime.getTime() }, warnings: [] };
    default:
      return { errors: ['unknown FPort'] };
  }
}
function normalizeUplink(input) {
  return { data: [{ metering: { water: { total: input.data.total_litres } } }, { battery: input.data.battery }] };
}
