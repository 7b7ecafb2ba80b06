"use strict";
/* Filters on rows x columns of floats: box means by running sums, Gaussians by three boxes. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** The mean over (2 radius + 1)^2 pixels around each pixel; beyond the edge there is nothing to count. */
  Cerulean.boxMean = (values, height, width, radius) => {
    const out = new Float32Array(values.length);
    const sums = new Float64Array(width); // of each column, over the rows of the box
    const counted = (at, count) => Math.min(count - 1, at + radius) - Math.max(0, at - radius) + 1;
    const shares = Float64Array.from({ length: width }, (_, col) => 1 / counted(col, width));
    for (let row = 0; row < Math.min(radius, height); row++) enter(sums, values, row * width);
    for (let row = 0; row < height; row++) {
      const [entering, leaving] = [(row + radius) * width, (row - radius - 1) * width];
      if (row + radius >= height) {
        if (row > radius) leave(sums, values, leaving);
      } else if (row > radius) move(sums, values, entering, leaving);
      else enter(sums, values, entering);
      sumAlong(sums, shares, 1 / counted(row, height), out, row * width, radius);
    }
    return out;
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

  function enter(sums, values, start) {
    for (let c = 0; c < sums.length; c++) sums[c] += values[start + c];
  }

  function leave(sums, values, start) {
    for (let c = 0; c < sums.length; c++) sums[c] -= values[start + c];
  }

  function move(sums, values, entering, leaving) {
    for (let c = 0; c < sums.length; c++) sums[c] += values[entering + c] - values[leaving + c];
  }

  /** One row of means from the sums of its columns: `share` is one over the rows, `shares` one over the columns counted. */
  function sumAlong(sums, shares, share, out, start, radius) {
    const width = sums.length;
    let [sum, at] = [0, 0];
    for (let c = 0; c < Math.min(radius, width); c++) sum += sums[c];
    for (; at < Math.min(radius + 1, width); at++) {
      if (at + radius < width) sum += sums[at + radius];
      out[start + at] = sum * share * shares[at];
    }
    const whole = share / (2 * radius + 1); // from here to where the box meets the end it is whole
    for (; at < width - radius; at++) {
      sum += sums[at + radius] - sums[at - radius - 1];
      out[start + at] = sum * whole;
    }
    for (; at < width; at++) {
      sum -= sums[at - radius - 1];
      out[start + at] = sum * share * shares[at];
    }
  }
})();
