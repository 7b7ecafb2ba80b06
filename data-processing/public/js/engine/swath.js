"use strict";
/* The width of a thin slick along its line, and the pixels within it.
 *
 * Profiles across the line are averaged along it. On each side for itself the edge lies where the profile has risen by
 * the tolerance from slick to water, so that dark water on one side takes nothing from the other.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const FAR = 14;
  const STEP = 0.5;
  const ALONG = 2;
  const STEADY = 5;
  const LEAST_DROP = 0.04;
  const SWAY = 1.5;

  /** The mask of a thin slick along `path` (points [x, y], a pixel apart). */
  Cerulean.swathMask = (samples, path, tolerance) => {
    const line = steadied(path);
    const xs = line.map((point) => point[0]);
    const ys = line.map((point) => point[1]);
    const [top, left] = [Math.floor(Cerulean.least(ys)) - FAR - 3, Math.floor(Cerulean.least(xs)) - FAR - 3];
    const [bottom, right] = [Math.ceil(Cerulean.most(ys)) + FAR + 4, Math.ceil(Cerulean.most(xs)) + FAR + 4];
    const field = Cerulean.logWindow(samples, top, left, bottom - top, right - left);
    const normals = line.map((_, i) => normalAt(line, i));
    const middles = profiles(field, line, normals, [-1, -0.5, 0, 0.5, 1]);
    const slick = steady(middles.map((profile) => Cerulean.least(profile)));
    const sides = [-1, 1].map((sign) => sideOf(field, line, normals, slick, sign, tolerance));
    return pixelsOf(field, path, line, normals, slick, sides);
  };

  /** One side of the line: {width, sea, threshold} at each point. */
  function sideOf(field, line, normals, slick, sign, tolerance) {
    const distances = Array.from({ length: FAR / STEP + 1 }, (_, k) => sign * k * STEP);
    const rows = profiles(field, line, normals, distances);
    let widths = line.map(() => 1);
    let [sea, threshold] = [slick, slick];
    for (let round = 0; round < 4; round++) {
      sea = steady(rows.map((profile, i) => seaLevel(profile, widths[i])));
      threshold = slick.map((level, i) => level + tolerance * Math.max(LEAST_DROP, sea[i] - level));
      const found = rows.map((profile, i) => crossing(profile, threshold[i]));
      widths = steady(found);
    }
    return { widths, sea, threshold };
  }

  /** The middle level of the water from a pixel beyond the edge to five on. */
  function seaLevel(profile, width) {
    const first = Math.ceil((width + 1) / STEP);
    const near = profile.slice(Math.min(first, profile.length - 10), first + 10);
    return middle(near);
  }

  /** The distance at which a profile rises through a threshold, by straight lines between its samples. */
  function crossing(profile, threshold) {
    for (let k = 1; k < profile.length; k++) {
      if (profile[k] < threshold) continue;
      const rise = profile[k] - profile[k - 1];
      return STEP * (k - 1 + (rise > 0 ? Math.min(1, Math.max(0, (threshold - profile[k - 1]) / rise)) : 0));
    }
    return STEP * (profile.length - 1);
  }

  /** Levels across the line at those distances, one array a point, averaged with the neighbours along the line. */
  function profiles(field, line, normals, distances) {
    const raw = line.map(([x, y], i) => {
      const [nx, ny] = normals[i];
      return distances.map((d) => levelAt(field, x + d * nx, y + d * ny));
    });
    return raw.map((_, i) => {
      const near = raw.slice(Math.max(0, i - ALONG), i + ALONG + 1);
      return distances.map((__, k) => near.reduce((sum, profile) => sum + profile[k], 0) / near.length);
    });
  }

  /** The field between its pixels' centres. */
  function levelAt({ row, col, height, width, values }, x, y) {
    const [fx, fy] = [x - col - 0.5, y - row - 0.5];
    const c = Math.min(width - 2, Math.max(0, Math.floor(fx)));
    const r = Math.min(height - 2, Math.max(0, Math.floor(fy)));
    const [u, v] = [Math.min(1, Math.max(0, fx - c)), Math.min(1, Math.max(0, fy - r))];
    const i = r * width + c;
    const upper = (1 - u) * values[i] + u * values[i + 1];
    const lower = (1 - u) * values[i + width] + u * values[i + width + 1];
    return (1 - v) * upper + v * lower;
  }

  /** The pixels: the nearer to the line and the darker, the surer; a pixel on the path always. */
  function pixelsOf(field, path, line, normals, slick, sides) {
    const { row, col, height, width, values, valid } = field;
    const mask = Cerulean.emptyMask(row, col, height, width);
    const nearest = new Float32Array(height * width).fill(Infinity);
    line.forEach(([x, y], i) => {
      const reach = Math.max(sides[0].widths[i], sides[1].widths[i]) + 2;
      const [top, left] = [Math.max(0, Math.floor(y - reach) - row), Math.max(0, Math.floor(x - reach) - col)];
      const bottom = Math.min(height - 1, Math.floor(y + reach) - row);
      const right = Math.min(width - 1, Math.floor(x + reach) - col);
      for (let r = top; r <= bottom; r++) {
        for (let c = left; c <= right; c++) {
          const [dx, dy] = [col + c + 0.5 - x, row + r + 0.5 - y];
          const distance = Math.hypot(dx, dy);
          const place = r * width + c;
          if (distance > reach || distance >= nearest[place] || !valid[place]) continue;
          nearest[place] = distance;
          const side = sides[dx * normals[i][0] + dy * normals[i][1] < 0 ? 0 : 1];
          const drop = Math.max(LEAST_DROP, side.sea[i] - slick[i]);
          const darker = Math.min(1, Math.max(-1, (side.threshold[i] - values[place]) / drop));
          mask.data[place] = side.widths[i] - distance + SWAY * darker > 0 && distance <= side.widths[i] + 1.25 ? 1 : 0;
        }
      }
    });
    for (const [x, y] of path) {
      const [r, c] = [Math.floor(y) - row, Math.floor(x) - col];
      if (r >= 0 && c >= 0 && r < height && c < width) mask.data[r * width + c] = valid[r * width + c];
    }
    return Cerulean.partAt(mask, Math.floor(path[0][1]), Math.floor(path[0][0])) ?? Cerulean.cropMask(mask);
  }

  /** The unit normal of a line at a point. */
  function normalAt(line, i) {
    const [a, b] = [line[Math.max(0, i - 3)], line[Math.min(line.length - 1, i + 3)]];
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const length = Math.hypot(dx, dy) || 1;
    return [-dy / length, dx / length];
  }

  /** A line without the steps of its pixels. */
  function steadied(path) {
    return path.map((_, i) => {
      const reach = Math.min(2, i, path.length - 1 - i);
      const near = path.slice(i - reach, i + reach + 1);
      return [0, 1].map((axis) => near.reduce((sum, point) => sum + point[axis], 0) / near.length);
    });
  }

  /** Medians along the line, which single breaks do not sway. */
  function steady(values) {
    return values.map((_, i) => middle(values.slice(Math.max(0, i - STEADY), i + STEADY + 1)));
  }

  function middle(values) {
    return [...values].sort((a, b) => a - b)[values.length >> 1];
  }
})();
