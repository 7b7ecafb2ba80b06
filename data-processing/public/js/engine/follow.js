"use strict";
/* The wand dragged along a thin slick: the darkest line near the drag, then the slick's width along it. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const TILE = 64;
  const MARGIN = 10;
  const REACH = 16;
  const SNAP = 4;

  /** A drag of the wand over `samples`; what was found of dark lines is kept while the drag goes on. */
  Cerulean.Follower = class Follower {
    /** `reach`: how many pixels the line may lie off the drag; `tolerance` as the wand's. */
    constructor(samples, { reach = REACH, tolerance = null } = {}) {
      Object.assign(this, { samples, reach: Math.max(3, reach), tolerance, tiles: new Map() });
    }

    /**
     * What follows the drag through points [x, y]: {path: [[x, y], …] from pixel to pixel, mask, size}; the mask is
     * null for less than two points or off the samples.
     */
    to(points) {
      const path = this.path(points);
      const tolerance = this.tolerance ?? Cerulean.DEFAULT_TOLERANCE;
      const mask = path.length > 1 ? Cerulean.swathMask(this.samples, path, tolerance) : null;
      return { path, mask, size: mask ? Cerulean.maskArea(mask) : 0 };
    }

    /** The line alone, for a preview. */
    path(points) {
      const corridor = this.#corridor(points);
      if (!corridor) return [];
      const costs = this.#costs(corridor);
      const [start, end] = [points[0], points.at(-1)].map((point) => snapped(corridor, costs, point));
      if (start < 0 || end < 0) return [];
      const { from, cost } = Cerulean.cheapestWays(corridor, costs, [1, 1], start, { until: end });
      const path = [];
      if (cost[end] === Infinity) return path;
      for (let place = end; place >= 0; place = from[place]) {
        const [row, col] = [Math.floor(place / corridor.width), place % corridor.width];
        path.push([corridor.col + col + 0.5, corridor.row + row + 0.5]);
      }
      return path.reverse();
    }

    /** The pixels within reach of the drag, inside the samples; `off` tells how far off it each lies. */
    #corridor(points) {
      const { samples, reach } = this;
      if (points.length < 2) return null;
      const wide = Cerulean.brushMask(Cerulean.thinnedPoints(points, 2), reach);
      const [row, col] = [Math.max(wide.row, samples.row), Math.max(wide.col, samples.col)];
      const height = Math.min(wide.row + wide.height, samples.row + samples.height) - row;
      const width = Math.min(wide.col + wide.width, samples.col + samples.width) - col;
      if (height < 1 || width < 1) return null;
      const corridor = Cerulean.emptyMask(row, col, height, width);
      for (let r = 0; r < height; r++) {
        const from = (row + r - wide.row) * wide.width + col - wide.col;
        corridor.data.set(wide.data.subarray(from, from + width), r * width);
      }
      const narrow = Cerulean.brushMask(Cerulean.thinnedPoints(points, 2), reach / 2);
      return { ...corridor, narrow };
    }

    /** What a step costs: little on dark lines, twice as much in the outer half of the corridor. */
    #costs(corridor) {
      const costs = new Float32Array(corridor.height * corridor.width);
      const { narrow } = corridor;
      for (let r = 0, i = 0; r < corridor.height; r++) {
        for (let c = 0; c < corridor.width; c++, i++) {
          if (!corridor.data[i]) continue;
          const [row, col] = [corridor.row + r, corridor.col + c];
          const [inRow, inCol] = [row - narrow.row, col - narrow.col];
          const inside = inRow >= 0 && inCol >= 0 && inRow < narrow.height && inCol < narrow.width;
          const near = inside && narrow.data[inRow * narrow.width + inCol];
          costs[i] = (near ? 1 : 2) / (1 + this.#darkness(row, col) ** 2);
        }
      }
      return costs;
    }

    #darkness(row, col) {
      const [tileRow, tileCol] = [Math.floor(row / TILE), Math.floor(col / TILE)];
      const key = tileRow * 65536 + tileCol;
      let tile = this.tiles.get(key);
      if (!tile) {
        const [top, left] = [tileRow * TILE - MARGIN, tileCol * TILE - MARGIN];
        const field = Cerulean.logWindow(this.samples, top, left, TILE + 2 * MARGIN, TILE + 2 * MARGIN);
        this.tiles.set(key, (tile = { ...field, lines: Cerulean.darkLines(field) }));
      }
      return tile.lines[(row - tile.row) * tile.width + col - tile.col];
    }
  };

  /** One drag of the wand along a thin slick: as Follower.to. */
  Cerulean.follow = (samples, points, { tolerance = null, reach = REACH } = {}) =>
    new Cerulean.Follower(samples, { reach, tolerance }).to(points);

  /** Points without those less than `apart` from the one before; the ends stay. */
  Cerulean.thinnedPoints = (points, apart) => {
    const kept = [points[0]];
    for (const point of points.slice(1, -1)) {
      if (Math.hypot(point[0] - kept.at(-1)[0], point[1] - kept.at(-1)[1]) >= apart) kept.push(point);
    }
    if (points.length > 1) kept.push(points.at(-1));
    return kept;
  };

  /** The cheapest pixel near a point, each pixel of distance making it dearer; -1 off the corridor. */
  function snapped({ row, col, height, width, data }, costs, [x, y]) {
    let [best, least] = [-1, Infinity];
    const [r0, c0] = [Math.floor(y) - row, Math.floor(x) - col];
    for (let r = Math.max(0, r0 - SNAP); r <= Math.min(height - 1, r0 + SNAP); r++) {
      for (let c = Math.max(0, c0 - SNAP); c <= Math.min(width - 1, c0 + SNAP); c++) {
        const distance = Math.hypot(r - r0, c - c0);
        if (distance > SNAP || !data[r * width + c]) continue;
        const price = costs[r * width + c] * (1 + distance / 2);
        if (price < least) [best, least] = [r * width + c, price];
      }
    }
    return best;
  }
})();
