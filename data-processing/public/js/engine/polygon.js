"use strict";
/* Polygons as pixels: even-odd by pixel centres, and a draft whose vertices can be moved before it is burnt. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * The runs of the pixels whose centres lie in rings of [x, y] taken together by the even-odd rule, inside a scene of
   * that height and width. A centre on an edge counts where the inside lies to its right.
   */
  Cerulean.ringsRuns = (rings, height, width) => {
    const crossings = crossingsByRow(rings, height);
    const out = new Cerulean.Numbers();
    for (const row of [...crossings.keys()].sort((a, b) => a - b)) {
      const xs = crossings.get(row).sort((a, b) => a - b);
      let end = -1;
      for (let i = 0; i + 1 < xs.length; i += 2) {
        const first = Math.max(0, Math.ceil(xs[i] - 0.5));
        const stop = Math.min(width, Math.ceil(xs[i + 1] - 0.5));
        if (first >= stop) continue;
        if (first === end) out.data[out.length - 1] += stop - first;
        else out.push3(row, first, stop - first);
        end = stop;
      }
    }
    return out.done(Int32Array);
  };

  /** The mask of a polygon of vertices [x, y] (closed by itself), null where it holds no pixel's centre. */
  Cerulean.polygonMask = (vertices) => {
    if (vertices.length < 3) return null;
    const [left, top] = [0, 1].map((axis) => Math.floor(Math.min(...vertices.map((vertex) => vertex[axis]))));
    const [right, bottom] = [0, 1].map((axis) => Math.ceil(Math.max(...vertices.map((vertex) => vertex[axis]))));
    const moved = vertices.map(([x, y]) => [x - left, y - top]);
    const runs = Cerulean.ringsRuns([moved], bottom - top, right - left);
    for (let i = 0; i < runs.length; i += 3) {
      runs[i] += top;
      runs[i + 1] += left;
    }
    return Cerulean.maskOfRuns(runs);
  };

  /** Map row -> x of each place where an edge crosses the line through the row's pixel centres. */
  function crossingsByRow(rings, height) {
    const rows = new Map();
    for (const ring of rings) {
      for (let i = 0, last = ring.length - 1; i < ring.length; last = i++) {
        const [[x0, y0], [x1, y1]] = ring[last][1] < ring[i][1] ? [ring[last], ring[i]] : [ring[i], ring[last]];
        if (y0 === y1) continue;
        const slope = (x1 - x0) / (y1 - y0);
        const stop = Math.min(height, Math.ceil(y1 - 0.5));
        for (let row = Math.max(0, Math.ceil(y0 - 0.5)); row < stop; row++) {
          const x = x0 + (row + 0.5 - y0) * slope;
          if (rows.has(row)) rows.get(row).push(x);
          else rows.set(row, [x]);
        }
      }
    }
    return rows;
  }
})();
