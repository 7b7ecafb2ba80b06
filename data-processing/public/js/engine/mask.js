"use strict";
/* Sets of pixels in two forms: masks, {row, col, height, width, data: Uint8Array of 0 and 1}, and runs.
 *
 * Runs are an Int32Array of triples (row, first column, length) that stand in row order, do not overlap and do not
 * touch each other within a row. Large thin slicks are cheap as runs; filters need masks.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** An empty mask over a window. */
  Cerulean.emptyMask = (row, col, height, width) => ({
    row, col, height, width, data: new Uint8Array(height * width),
  });

  /** How many pixels a mask has. */
  Cerulean.maskArea = (mask) => {
    let area = 0;
    for (let i = 0; i < mask.data.length; i++) area += mask.data[i] ? 1 : 0;
    return area;
  };

  /** How many pixels runs have. */
  Cerulean.runsArea = (runs) => {
    let area = 0;
    for (let i = 2; i < runs.length; i += 3) area += runs[i];
    return area;
  };

  /** The part of runs that lies inside a scene of that size. */
  Cerulean.clipRuns = (runs, height, width) => {
    const box = Cerulean.runsBox(runs);
    if (!box || (box[0] >= 0 && box[1] >= 0 && box[2] <= height && box[3] <= width)) return runs;
    const out = new Cerulean.Numbers();
    for (let i = 0; i < runs.length; i += 3) {
      const first = Math.max(0, runs[i + 1]);
      const end = Math.min(width, runs[i + 1] + runs[i + 2]);
      if (runs[i] >= 0 && runs[i] < height && first < end) out.push3(runs[i], first, end - first);
    }
    return out.done(Int32Array);
  };

  /** The runs of all pixels of several lists of runs. */
  Cerulean.joinRuns = (lists) => {
    const all = [];
    for (const runs of lists) for (let i = 0; i < runs.length; i += 3) all.push([runs[i], runs[i + 1], runs[i + 2]]);
    all.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const out = new Cerulean.Numbers();
    for (const [row, col, length] of all) {
      const last = out.length - 3;
      const end = last >= 0 && out.data[last] === row ? out.data[last + 1] + out.data[last + 2] : -Infinity;
      if (col <= end) out.data[last + 2] = Math.max(end, col + length) - out.data[last + 1];
      else out.push3(row, col, length);
    }
    return out.done(Int32Array);
  };

  /** [first row, first column, end row, end column) of runs, null where there are none. */
  Cerulean.runsBox = (runs) => {
    if (!runs.length) return null;
    let left = Infinity;
    let right = -Infinity;
    for (let i = 0; i < runs.length; i += 3) {
      left = Math.min(left, runs[i + 1]);
      right = Math.max(right, runs[i + 1] + runs[i + 2]);
    }
    return [runs[0], left, runs[runs.length - 3] + 1, right];
  };

  /** The runs of a mask, without what leaves a scene of that height and width (left out: nothing is clipped). */
  Cerulean.runsOfMask = (mask, sceneHeight = Infinity, sceneWidth = Infinity) => {
    const out = new Cerulean.Numbers();
    const bounded = sceneHeight !== Infinity;
    const top = bounded ? Math.max(0, -mask.row) : 0;
    const bottom = bounded ? Math.min(mask.height, sceneHeight - mask.row) : mask.height;
    const left = bounded ? Math.max(0, -mask.col) : 0;
    const right = bounded ? Math.min(mask.width, sceneWidth - mask.col) : mask.width;
    for (let r = top; r < bottom; r++) {
      const base = r * mask.width;
      for (let c = left; c < right; c++) {
        if (!mask.data[base + c]) continue;
        const first = c;
        while (c < right && mask.data[base + c]) c++;
        out.push3(mask.row + r, mask.col + first, c - first);
      }
    }
    return out.done(Int32Array);
  };

  /** The mask of runs, cropped to its box and grown by `margin` empty pixels; null for no runs. */
  Cerulean.maskOfRuns = (runs, margin = 0) => {
    const box = Cerulean.runsBox(runs);
    if (!box) return null;
    const [row, col] = [box[0] - margin, box[1] - margin];
    const mask = Cerulean.emptyMask(row, col, box[2] + margin - row, box[3] + margin - col);
    for (let i = 0; i < runs.length; i += 3) {
      const start = (runs[i] - row) * mask.width + runs[i + 1] - col;
      mask.data.fill(1, start, start + runs[i + 2]);
    }
    return mask;
  };

  /** The mask cut to its pixels' box, null where it has none. */
  Cerulean.cropMask = (mask) => Cerulean.maskOfRuns(Cerulean.runsOfMask(mask));

  /** The mask inside a scene of that size (it may become empty, never larger). */
  Cerulean.clipMask = (mask, height, width) => Cerulean.maskOfRuns(Cerulean.runsOfMask(mask, height, width));

  /** The mask of all pixels of all masks; null for none. */
  Cerulean.unionMasks = (masks) => {
    const given = masks.filter(Boolean);
    if (!given.length) return null;
    const row = Math.min(...given.map((mask) => mask.row));
    const col = Math.min(...given.map((mask) => mask.col));
    const height = Math.max(...given.map((mask) => mask.row + mask.height)) - row;
    const width = Math.max(...given.map((mask) => mask.col + mask.width)) - col;
    const whole = Cerulean.emptyMask(row, col, height, width);
    for (const mask of given) {
      overlay(whole, mask, (target, i) => { target[i] = 1; });
    }
    return whole;
  };

  /** The pixels of the first mask that the second has not. */
  Cerulean.subtractMask = (mask, other) => {
    const rest = { ...mask, data: mask.data.slice() };
    overlay(rest, other, (target, i) => { target[i] = 0; });
    return rest;
  };

  /** Calls `change(data, index)` for each pixel of `mask` that lies in `whole`. */
  function overlay(whole, mask, change) {
    const [down, right] = [mask.row - whole.row, mask.col - whole.col];
    const first = Math.max(0, -right);
    const last = Math.min(mask.width, whole.width - right);
    for (let r = Math.max(0, -down); r < Math.min(mask.height, whole.height - down); r++) {
      for (let c = first; c < last; c++) {
        if (mask.data[r * mask.width + c]) change(whole.data, (r + down) * whole.width + c + right);
      }
    }
  }
})();
