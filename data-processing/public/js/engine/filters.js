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
    let sum = 0;
    const ahead = Math.min(radius, count);
    for (let i = 0; i < ahead; i++) sum += values[start + i];
    for (let i = 0; i < count; i++) {
      if (i + radius < count) sum += values[start + i + radius];
      if (i > radius) sum -= values[start + i - radius - 1];
      const inside = Math.min(count - 1, i + radius) - Math.max(0, i - radius) + 1;
      out[start + i] = sum / inside;
    }
  }

  /** Means down the columns, whole rows at a time, so that memory is walked in order. */
  function meanDown(values, height, width, radius) {
    const out = new Float32Array(values.length);
    const sums = new Float64Array(width);
    let inside = 0;
    for (let row = -radius; row < height; row++) {
      const entering = row + radius;
      if (entering < height) {
        for (let c = 0, i = entering * width; c < width; c++, i++) sums[c] += values[i];
        inside++;
      }
      if (row < 0) continue;
      if (row > radius) {
        for (let c = 0, i = (row - radius - 1) * width; c < width; c++, i++) sums[c] -= values[i];
        inside--;
      }
      const share = 1 / inside;
      for (let c = 0, i = row * width; c < width; c++, i++) out[i] = sums[c] * share;
    }
    return out;
  }
})();
