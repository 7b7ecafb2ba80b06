"use strict";
/* Where dark lines run: how much darker a pixel is than both of its sides, along the best of eight directions.
 *
 * A second derivative also answers at the edge of dark water, where only one side is brighter; the darker of both sides
 * does not, so that a slick can be followed along and across look-alikes.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const DIRECTIONS = 8;
  const ALONG = [-3, -1.5, 0, 1.5, 3];
  const ASIDE = [2, 3.5, 6];

  /** Darkness of lines (Float32Array) in a field of logarithms, in deviations of what speckle alone gives. */
  Cerulean.darkLines = (field) => {
    const { height, width } = field;
    const smooth = smoothed(field);
    const best = new Float32Array(height * width);
    for (let k = 0; k < DIRECTIONS; k++) {
      const angle = (Math.PI * k) / DIRECTIONS;
      const along = [Math.sin(angle), Math.cos(angle)];
      const steps = ALONG.map((t) => [Math.round(t * along[0]), Math.round(t * along[1])]);
      const mean = meanOf(smooth, height, width, steps);
      for (const aside of ASIDE) {
        const step = [Math.round(aside * along[1]), Math.round(-aside * along[0])];
        darkerThanSides(mean, height, width, step, best);
      }
    }
    const noise = (Cerulean.median(best, (i) => field.valid[i] !== 0) ?? 0) + spread(best, field);
    for (let i = 0; i < best.length; i++) best[i] = field.valid[i] ? best[i] / Math.max(1e-3, noise) : 0;
    return best;
  };

  /** The median distance of the lower half of values from their median: lines do not count, speckle does. */
  function spread(values, field) {
    const middle = Cerulean.median(values, (i) => field.valid[i] !== 0) ?? 0;
    const low = Cerulean.quantile(values, 0.16, (i) => field.valid[i] !== 0) ?? 0;
    return middle - low;
  }

  /** A light blur (1 2 1 both ways), enough against single pixels and too little to hide a line of one. */
  function smoothed({ values, height, width }) {
    const across = new Float32Array(values.length);
    const out = new Float32Array(values.length);
    for (let r = 0, i = 0; r < height; r++) {
      for (let c = 0; c < width; c++, i++) {
        across[i] = (values[c ? i - 1 : i] + 2 * values[i] + values[c + 1 < width ? i + 1 : i]) / 4;
      }
    }
    for (let r = 0, i = 0; r < height; r++) {
      for (let c = 0; c < width; c++, i++) {
        out[i] = (across[r ? i - width : i] + 2 * across[i] + across[r + 1 < height ? i + width : i]) / 4;
      }
    }
    return out;
  }

  /** Means over pixels at [rows, columns] from each pixel; those beyond the edge count as the nearest inside. */
  function meanOf(values, height, width, steps) {
    const out = new Float32Array(values.length);
    for (const [down, right] of steps) {
      for (let r = 0, i = 0; r < height; r++) {
        const from = Math.min(height - 1, Math.max(0, r + down)) * width;
        for (let c = 0; c < width; c++, i++) out[i] += values[from + Math.min(width - 1, Math.max(0, c + right))];
      }
    }
    for (let i = 0; i < out.length; i++) out[i] /= steps.length;
    return out;
  }

  /** Raises `best` to how much darker each pixel is than the darker of the pixels a step to either side. */
  function darkerThanSides(values, height, width, [down, right], best) {
    const [skipRows, skipCols] = [Math.abs(down), Math.abs(right)];
    const step = down * width + right;
    for (let r = skipRows; r < height - skipRows; r++) {
      for (let c = skipCols, i = r * width + c; c < width - skipCols; c++, i++) {
        const darker = Math.min(values[i + step], values[i - step]) - values[i];
        if (darker > best[i]) best[i] = darker;
      }
    }
    return best;
  }
})();
