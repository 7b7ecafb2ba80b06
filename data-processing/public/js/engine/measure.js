"use strict";
/* What an instance measures on the ground: its area, and its length from end to end along itself. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const MOST_PIXELS = 6000;
  const cached = new WeakMap();

  /** {areaPx, areaKm2, lengthKm}; the last two are null for a scene without georeference. Kept until pixels change. */
  Cerulean.measure = (map, id, scene) => {
    const instance = map.instances.get(id);
    const known = instance && cached.get(instance);
    if (known && known.version === instance.version) return known.measures;
    const measures = Cerulean.measureRuns(map.runsOf(id), scene);
    if (instance) cached.set(instance, { version: instance.version, measures });
    return measures;
  };

  /**
   * The measures of runs. The area is exact on the ellipsoid, row by row. The length is that of the longest way
   * inside each part from one end to the other, drawn to the middle and smoothed, summed over the parts.
   */
  Cerulean.measureRuns = (runs, scene) => {
    const areaPx = Cerulean.runsArea(runs);
    if (!scene.crs || !scene.transform) return { areaPx, areaKm2: null, lengthKm: null };
    let areaKm2 = 0;
    for (let i = 0; i < runs.length; i += 3) areaKm2 += Cerulean.pixelAreaKm2(scene, runs[i]) * runs[i + 2];
    return { areaPx, areaKm2, lengthKm: lengthOf(runs, areaPx, scene) };
  };

  function lengthOf(runs, areaPx, scene) {
    const step = Math.max(1, Math.ceil(Math.sqrt(areaPx / MOST_PIXELS)));
    const mask = shrunk(Cerulean.maskOfRuns(runs, 1), step);
    if (!mask) return 0;
    const [down, across] = Cerulean.pixelSizeKm(scene, (mask.row + mask.height / 2) * step);
    const size = [down * step, across * step];
    return Cerulean.components(mask, 8).reduce((sum, part) => sum + partLength(part, size), 0);
  }

  /** The mask in pixels `step` times as large, set where any of theirs is. */
  function shrunk(mask, step) {
    if (!mask || step === 1) return mask;
    const row = Math.floor(mask.row / step);
    const col = Math.floor(mask.col / step);
    const height = Math.ceil((mask.row + mask.height) / step) - row;
    const out = Cerulean.emptyMask(row, col, height, Math.ceil((mask.col + mask.width) / step) - col);
    for (let r = 0; r < mask.height; r++) {
      const base = (Math.floor((mask.row + r) / step) - row) * out.width - col;
      for (let c = 0; c < mask.width; c++) {
        if (mask.data[r * mask.width + c]) out.data[base + Math.floor((mask.col + c) / step)] = 1;
      }
    }
    return out;
  }

  /** Kilometres along one part: the ends are found by two sweeps, the way between keeps to the middle. */
  function partLength(part, size) {
    const plain = new Float32Array(part.data.length).fill(1);
    const first = part.data.findIndex(Boolean);
    const far = Cerulean.cheapestWays(part, plain, size, first).last;
    const ends = [far, Cerulean.cheapestWays(part, plain, size, far).last];
    const { from } = Cerulean.cheapestWays(part, edgeCosts(part), size, ends[0]);
    const way = [];
    for (let place = ends[1]; place >= 0; place = from[place]) way.push(place);
    const points = smoothed(way.map((place) => [Math.floor(place / part.width), place % part.width]));
    let length = 0;
    for (let i = 1; i < points.length; i++) {
      length += Math.hypot((points[i][0] - points[i - 1][0]) * size[0], (points[i][1] - points[i - 1][1]) * size[1]);
    }
    return length + (size[0] + size[1]) / 2; // from the outer edge of the first pixel to that of the last
  }

  /** Higher costs near the edge: the inverse of the blurred mask. */
  function edgeCosts(part) {
    const radius = Math.max(1, Math.min(8, Math.round(Math.sqrt(Cerulean.maskArea(part)) / 12)));
    const inside = Cerulean.boxMean(Float32Array.from(part.data), part.height, part.width, radius);
    return inside.map((share) => 1 / Math.max(0.05, share) ** 2);
  }

  /** Points averaged with their neighbours on the way; the ends stay. */
  function smoothed(points) {
    return points.map((point, i) => {
      const reach = Math.min(i, points.length - 1 - i, 3);
      const near = points.slice(i - reach, i + reach + 1);
      return [0, 1].map((axis) => near.reduce((sum, other) => sum + other[axis], 0) / near.length);
    });
  }
})();
