"use strict";
/* Filters on rows x columns of floats: box means by running sums, Gaussians by three boxes. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** The mean over (2 radius + 1)^2 pixels around each pixel; beyond the edge there is nothing to count. */
  Cerulean.boxMean = (values, height, width, radius) => {
    const across = new Float32Array(values.length);
    for (let row = 0; row < height; row++) meanAlong(values, across, row * width, width, radius);
    return meanDown(across, height, width, radius);
  };

  /** A Gaussian blur of that sigma as three box means of the same variance (edges: as boxMean). */
  Cerulean.gaussian = (values, height, width, sigma) => {
    let out = values;
    for (const radius of boxesOf(sigma)) out = Cerulean.boxMean(out, height, width, radius);
    return out === values ? Float32Array.from(values) : out;
  };

  /** Three whole box radii whose repeated means come nearest to a Gaussian (Wells, IEEE TPAMI 1986). */
  function boxesOf(sigma) {
    const ideal = Math.sqrt(4 * sigma * sigma + 1);
    let low = Math.floor(ideal);
    if (low % 2 === 0) low--;
    const many = Math.round((12 * sigma * sigma - 3 * low * low - 12 * low - 9) / (-4 * low - 4));
    return [0, 1, 2].map((i) => ((i < many ? low : low + 2) - 1) / 2).filter((radius) => radius > 0);
  }

  function meanAlong(values, out, start, count, radius) {
    const end = start + count;
    let [sum, inside] = [0, 0];
    for (let i = start; i < Math.min(start + radius, end); i++, inside++) sum += values[i];
    let at = start;
    for (; at < Math.min(start + radius + 1, end); at++) {
      if (at + radius < end) [sum, inside] = [sum + values[at + radius], inside + 1];
      out[at] = sum / inside;
    }
    const share = 1 / inside; // from here to where the box meets the end it is whole, and nothing need be asked
    for (; at < end - radius; at++) {
      sum += values[at + radius] - values[at - radius - 1];
      out[at] = sum * share;
    }
    for (; at < end; at++) {
      sum -= values[at - radius - 1];
      out[at] = sum / --inside;
    }
  }

  /** Means down the columns, whole rows at a time, so that memory is walked in order. */
  function meanDown(values, height, width, radius) {
    const out = new Float32Array(values.length);
    const sums = new Float64Array(width);
    for (let row = 0; row < Math.min(radius, height); row++) add(sums, values, row * width);
    for (let row = 0; row < height; row++) {
      const share = 1 / (Math.min(height - 1, row + radius) - Math.max(0, row - radius) + 1);
      const [entering, leaving] = [(row + radius) * width, (row - radius - 1) * width];
      if (row > radius && row + radius < height) {
        for (let c = 0, i = row * width; c < width; c++, i++) {
          sums[c] += values[entering + c] - values[leaving + c];
          out[i] = sums[c] * share;
        }
        continue;
      }
      if (row + radius < height) add(sums, values, entering);
      if (row > radius) for (let c = 0; c < width; c++) sums[c] -= values[leaving + c];
      for (let c = 0, i = row * width; c < width; c++, i++) out[i] = sums[c] * share;
    }
    return out;
  }

  function add(sums, values, start) {
    for (let c = 0; c < sums.length; c++) sums[c] += values[start + c];
  }
})();
