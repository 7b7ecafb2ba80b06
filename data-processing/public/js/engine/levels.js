"use strict";
/* Windows of samples as logarithms, and the levels of slick and sea in them.
 *
 * Speckle multiplies, so that in logarithms it is alike on dark and bright water, and damping in decibels is a
 * difference.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const BINS = 1024;

  /**
   * A part of `samples` as natural logarithms of amplitude: {row, col, height, width, values: Float32Array, valid}.
   * Pixels without data have `valid` 0 and the window's median for a value, so that filters need not look.
   */
  Cerulean.logWindow = (samples, row, col, height, width) => {
    const top = Math.max(row, samples.row);
    const left = Math.max(col, samples.col);
    const bottom = Math.min(row + height, samples.row + samples.height);
    const right = Math.min(col + width, samples.col + samples.width);
    const out = { row: top, col: left, height: Math.max(0, bottom - top), width: Math.max(0, right - left) };
    out.values = new Float32Array(out.height * out.width);
    out.valid = new Uint8Array(out.height * out.width);
    const table = logTable(samples.data);
    const { data, nodata } = samples;
    for (let r = 0, i = 0; r < out.height; r++) {
      let from = (top + r - samples.row) * samples.width + left - samples.col;
      for (let c = 0; c < out.width; c++, i++, from++) {
        const sample = data[from];
        if (sample === nodata || !(sample >= 0)) continue;
        out.valid[i] = 1;
        out.values[i] = table ? table[sample] : Math.log(sample + 1);
      }
    }
    fillInvalid(out);
    return out;
  };

  let bytes = null;
  function logTable(data) {
    if (data.BYTES_PER_ELEMENT > 2) return null;
    const size = data.BYTES_PER_ELEMENT === 1 ? 256 : 65536;
    if (bytes?.length !== size) bytes = Float32Array.from({ length: size }, (_, i) => Math.log(i + 1));
    return bytes;
  }

  function fillInvalid(out) {
    if (!out.valid.includes(0)) return;
    const some = [];
    for (let i = 0; i < out.values.length; i += 37) if (out.valid[i]) some.push(out.values[i]);
    const middle = Cerulean.median(some, () => true) ?? 0;
    for (let i = 0; i < out.values.length; i++) if (!out.valid[i]) out.values[i] = middle;
  }

  /** The `share` quantile (0..1) of values at places that `counts(place)` takes, by a histogram; null for none. */
  Cerulean.quantile = (values, share, counts) => {
    const taken = new Float32Array(values.length);
    let [low, high, total] = [Infinity, -Infinity, 0];
    for (let i = 0; i < values.length; i++) {
      if (!counts(i)) continue;
      const value = values[i];
      taken[total++] = value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!total) return null;
    const histogram = new Uint32Array(BINS);
    const scale = (BINS - 1) / (high - low || 1);
    for (let i = 0; i < total; i++) histogram[((taken[i] - low) * scale) | 0]++;
    let [bin, sum] = [0, histogram[0]];
    while (sum < share * total) sum += histogram[++bin];
    return low + (bin + 0.5) / scale;
  };

  Cerulean.median = (values, counts) => Cerulean.quantile(values, 0.5, counts);
})();
