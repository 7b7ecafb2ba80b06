"use strict";
/* Windows of samples as logarithms, and the levels of slick and sea in them.
 *
 * Speckle multiplies, so that in logarithms it is alike on dark and bright water, and damping in decibels is a
 * difference.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const BINS = 1024;
  const [BOX, LATTICE] = [7, 16];

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
    for (let r = 0; r < out.height; r++) {
      const from = (top + r - samples.row) * samples.width + left - samples.col;
      if (table) look(samples, from, table, out, r * out.width);
      else take(samples, from, out, r * out.width);
    }
    fillInvalid(out);
    return out;
  };

  /** A row of whole numbers. */
  function look({ data, nodata }, from, table, { values, valid, width }, to) {
    for (let c = 0; c < width; c++) {
      const sample = data[from + c];
      valid[to + c] = sample === nodata ? 0 : 1;
      values[to + c] = table[sample];
    }
  }

  /** A row of floats, which may be below zero or none. */
  function take({ data, nodata }, from, { values, valid, width }, to) {
    for (let c = 0; c < width; c++) {
      const sample = data[from + c];
      if (sample === nodata || !(sample >= 0)) continue;
      valid[to + c] = 1;
      values[to + c] = Math.log(sample + 1);
    }
  }

  /**
   * The level that most of a scene around [row, col] comes up to, from the samples within `half` pixels: the 0.6
   * quantile of means over 7 x 7 pixels, one each 16 pixels both ways. Null where there are none.
   */
  Cerulean.levelOfMost = (samples, row, col, half) => {
    const table = logTable(samples.data);
    const [top, left] = [Math.max(row - half, samples.row), Math.max(col - half, samples.col)];
    const bottom = Math.min(row + half, samples.row + samples.height) - BOX;
    const right = Math.min(col + half, samples.col + samples.width) - BOX;
    const means = [];
    for (let r = top; r <= bottom; r += LATTICE) {
      for (let c = left; c <= right; c += LATTICE) {
        const mean = meanOfBox(samples, (r - samples.row) * samples.width + c - samples.col, table);
        if (!Number.isNaN(mean)) means.push(mean);
      }
    }
    return Cerulean.quantile(means, 0.6, () => true);
  };

  /** The mean logarithm of a box that begins at a place; NaN where it has a pixel without data. */
  function meanOfBox({ data, nodata, width }, from, table) {
    let sum = 0;
    for (let r = 0; r < BOX; r++) {
      for (let place = from + r * width, end = place + BOX; place < end; place++) {
        const sample = data[place];
        if (sample === nodata || !(sample >= 0)) return NaN;
        sum += table ? table[sample] : Math.log(sample + 1);
      }
    }
    return sum / (BOX * BOX);
  }

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
