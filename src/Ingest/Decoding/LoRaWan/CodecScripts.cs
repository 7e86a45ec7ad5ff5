using Jint;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>The JavaScript around a downloaded decoder.</summary>
internal static class CodecScripts
{
    /// <summary>
    /// What decoders written for Node.js or a browser expect: a console and module.exports. JSON is frozen, because the driver relies on
    /// it.
    /// </summary>
    public static readonly Prepared<Acornima.Ast.Script> Surroundings = Engine.PrepareScript(
        """
        var console = { log: function () {}, warn: function () {}, error: function () {}, info: function () {}, debug: function () {} };
        var module = { exports: {} }, exports = module.exports;
        Object.freeze(JSON);
        Object.defineProperty(globalThis, 'JSON', { writable: false, configurable: false });
        """
    );

    /// <summary>Limits the functions that can build a text of any length in one call, between two checks of the memory limit.</summary>
    public static readonly Prepared<Acornima.Ast.Script> Guard = Engine.PrepareScript(
        """
        (function () {
          ['repeat', 'padStart', 'padEnd'].forEach(function (name) {
            var own = String.prototype[name];
            String.prototype[name] = function (n, fill) {
              if (n > 65536 || (name === 'repeat' && n * String(this).length > 1048576))
                throw new RangeError(name + ' of more than the decoder may use');
              return own.call(this, n, fill);
            };
          });
          function most(length) { if (!(length <= 1048576)) throw new RangeError('a text longer than the decoder may make'); }
          [Array.prototype, Object.getPrototypeOf(Uint8Array.prototype)].forEach(function (kind) {
            var own = kind.join;
            kind.join = function (mark) {
              var total = this.length * (mark === undefined ? 1 : String(mark).length);
              most(total);
              for (var i = 0; i < this.length; i++) {
                if (typeof this[i] === 'string') most(total += this[i].length);
              }
              return own.call(this, mark);
            };
          });
          ['replace', 'replaceAll'].forEach(function (name) {
            var own = String.prototype[name];
            String.prototype[name] = function (what, by) {
              if (typeof by !== 'function') most((this.length + 1) * String(by).length);
              return own.call(this, what, by);
            };
          });
          var raw = String.raw;
          String.raw = function (parts) { most(parts.raw.length * 64); return raw.apply(String, arguments); };
        })();
        """
    );

    /// <summary>Calls whichever decoder function the script defines and returns its result as JSON.</summary>
    public static readonly Prepared<Acornima.Ast.Script> Driver = Engine.PrepareScript(
        """
        (function () {
          var given = JSON.parse(__vigil_input), out;
          if (typeof decodeUplink === 'function') {
            out = decodeUplink({ bytes: given.bytes, fPort: given.port, recvTime: new Date(given.time), variables: {} });
          } else if (typeof Decoder === 'function') {
            out = { data: Decoder(given.bytes, given.port) };
          } else if (typeof Decode === 'function') {
            out = { data: Decode(given.port, given.bytes, {}) };
          } else {
            return JSON.stringify({ missing: true });
          }
          // A copy of plain values: nothing of the decoder's own (getters, proxies, toJSON, cycles, depth) reaches the serialiser.
          var nodes = 0;
          function plain(value, depth) {
            if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
            if (typeof value === 'number') return isFinite(value) ? value : null;
            if (typeof value !== 'object') return undefined;
            if (depth > 12) throw new RangeError('the decoded object is nested deeper than 12');
            if (++nodes > 5000) throw new RangeError('the decoded object has more than 5000 parts');
            if (value instanceof Date) return isNaN(value) ? null : value.toISOString();
            if (Array.isArray(value) || ArrayBuffer.isView(value)) {
              if (value.length > 5000) throw new RangeError('the decoded object has a list of more than 5000');
              var list = [];
              for (var i = 0; i < value.length; i++) list.push(plain(value[i], depth + 1));
              return list;
            }
            var copy = {}, keys = Object.keys(value);
            for (var k = 0; k < keys.length; k++) {
              if (++nodes > 5000) throw new RangeError('the decoded object has more than 5000 parts');
              var one = plain(value[keys[k]], depth + 1);
              if (one !== undefined) copy[keys[k]] = one;
            }
            return copy;
          }
          if (!out || typeof out !== 'object') return JSON.stringify({});
          if (typeof out.then === 'function') return JSON.stringify({ later: true });
          if (typeof out.errors === 'string' || (Array.isArray(out.errors) && out.errors.length))
            return JSON.stringify({ errors: [].concat(out.errors).slice(0, 8).map(String) });
          var normal;
          if (out.data !== undefined && typeof normalizeUplink === 'function') {
            normal = normalizeUplink({ data: plain(out.data, 0), warnings: out.warnings || [], errors: [] });
          }
          var warnings = Array.isArray(out.warnings) && out.warnings.length ? out.warnings.slice(0, 8).map(String) : undefined;
          return JSON.stringify({ decoded: plain(out.data, 0), normalized: normal && plain(normal.data, 0), warnings: warnings });
        })()
        """
    );
}
