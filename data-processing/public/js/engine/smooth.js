"use strict";
/* Smoothing an outline: the majority within a Gaussian neighbourhood, thin parts kept. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * The mask with its edge rounded over about `radius` pixels. What a plain blur would eat though it is long (a
   * streak thinner than the radius) stays as it was; dots and spikes of less than 4 radii go. Never empty.
   */
  Cerulean.smoothMask = (mask, radius) => {
    const framed = Cerulean.maskOfRuns(Cerulean.runsOfMask(mask), Math.ceil(radius) + 2);
    if (!framed || radius <= 0) return mask;
    const { height, width, data } = framed;
    const by = Math.max(1, Math.round(radius));
    const smooth = above(Cerulean.gaussian(new Float32Array(data), height, width, radius * 0.7), 0.5);
    const body = grown(smooth, height, width, by);
    const lost = data.map((value, i) => value & (1 - body[i]));
    const streaks = longParts({ ...framed, data: lost }, 4 * radius);
    if (streaks) {
      const around = grown(streaks, height, width, by);
      for (let i = 0; i < data.length; i++) smooth[i] |= streaks[i] | (data[i] & around[i]);
    }
    return smooth.includes(1) ? { ...framed, data: smooth } : mask;
  };

  /** Which values reach a threshold. */
  function above(values, threshold) {
    const out = new Uint8Array(values.length);
    for (let i = 0; i < values.length; i++) out[i] = values[i] >= threshold ? 1 : 0;
    return out;
  }

  /** The pixels grown by a square of that many pixels each way. */
  function grown(data, height, width, by) {
    return above(Cerulean.boxMean(new Float32Array(data), height, width, by), 1e-6);
  }

  /** The parts of a mask whose boxes are at least that long, null for none. */
  function longParts(mask, least) {
    const { labels, count } = Cerulean.labelParts(mask, 8);
    const boxes = Array.from({ length: count + 1 }, () => [Infinity, Infinity, -1, -1]);
    for (let row = 0, i = 0; row < mask.height; row++) {
      for (let col = 0; col < mask.width; col++, i++) {
        if (!labels[i]) continue;
        const box = boxes[labels[i]];
        if (row < box[0]) box[0] = row;
        if (col < box[1]) box[1] = col;
        if (row > box[2]) box[2] = row;
        if (col > box[3]) box[3] = col;
      }
    }
    const long = boxes.map((box) => Math.max(box[2] - box[0], box[3] - box[1]) + 1 >= least);
    return long.includes(true) ? Uint8Array.from(labels.map((label) => (long[label] ? 1 : 0))) : null;
  }
})();
