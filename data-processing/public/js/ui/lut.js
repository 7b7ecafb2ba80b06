"use strict";
// From samples to gray: window and level, gamma, nodata.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const NODATA = 0xff1a1512; // opaque, a shade of the interface: nothing to see here (ABGR)

  // A table of ABGR words, one for each sample value. `low` is shown black, `high` white.
  ui.lutOf = ({ low, high, gamma, bits, nodata }) => {
    const table = new Uint32Array(bits === 16 ? 65536 : 256);
    const span = Math.max(high - low, 1e-6);
    for (let value = 0; value < table.length; value++) {
      const share = Math.min(1, Math.max(0, (value - low) / span));
      const gray = Math.round(255 * share ** (1 / gamma));
      table[value] = (0xff000000 | (gray << 16) | (gray << 8) | gray) >>> 0;
    }
    if (nodata !== null && nodata !== undefined) table[nodata] = NODATA;
    return table;
  };

  // Writes the words of the samples into `words`. Runs here and in the worker: it must not use anything from outside.
  ui.paintSamples = function paintSamples(samples, table, words) {
    for (let index = 0; index < words.length; index++) words[index] = table[samples[index]];
  };

  // The samples at the given shares (0..1) of those that are valid, from at most 60,000 of them.
  ui.percentiles = (samples, nodata, shares) => {
    const step = Math.max(1, Math.floor(samples.length / 60000));
    const some = [];
    for (let index = 0; index < samples.length; index += step) if (samples[index] !== nodata) some.push(samples[index]);
    if (!some.length) return null;
    some.sort((a, b) => a - b);
    return shares.map((share) => some[Math.round(share * (some.length - 1))]);
  };
})();
