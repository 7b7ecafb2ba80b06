"use strict";
/* Exact outlines: simple closed rings on pixel edges, traced for all instances in one pass over the tiles.
 *
 * Parts are 4-connected. A ring that would touch itself at a corner is parted there into an outline and a hole, so that
 * the polygons are valid by the OGC's rules.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const cached = new WeakMap();

  /** Map id -> array of polygons, each [outline, …holes], each ring [[x, y], …] closed; of all instances. */
  Cerulean.allPolygons = (map, ids = null) => {
    const edges = new Map();
    for (const key of [...map.tiles.keys()].sort((a, b) => a - b)) {
      const tileRow = Math.floor(key / map.tileCols);
      for (const [id, pieces] of Cerulean.tileEdges(map, tileRow, key - tileRow * map.tileCols)) {
        if (ids && !ids.has(id)) continue;
        if (edges.has(id)) edges.get(id).push(pieces);
        else edges.set(id, [pieces]);
      }
    }
    const at = (id) => (row, col) => map.at(row, col) === id;
    return new Map([...edges].map(([id, pieces]) => [id, polygonsOf(ringsOf(pieces, at(id)))]));
  };

  /** The rings [[x, y], …] (closed) of one instance, outlines and holes; kept until its pixels change. */
  Cerulean.outline = (map, id) => {
    const instance = map.instances.get(id);
    const version = map.extents.get(id)?.version;
    if (version === undefined) return [];
    const known = instance && cached.get(instance);
    if (known && known.version === version) return known.rings;
    const pieces = map.tilesOf(id).map((key) => {
      const tileRow = Math.floor(key / map.tileCols);
      return Cerulean.tileEdges(map, tileRow, key - tileRow * map.tileCols).get(id);
    });
    const rings = ringsOf(pieces.filter(Boolean), (row, col) => map.at(row, col) === id);
    if (instance) cached.set(instance, { version, rings });
    return rings;
  };

  /** The rings of a mask. */
  Cerulean.maskRings = (mask) => {
    if (!mask) return [];
    const inside = (row, col) => {
      const [r, c] = [row - mask.row, col - mask.col];
      return r >= 0 && c >= 0 && r < mask.height && c < mask.width && mask.data[r * mask.width + c] !== 0;
    };
    const pieces = new Cerulean.Numbers();
    for (let r = 0; r < mask.height; r++) {
      for (let c = 0; c < mask.width; c++) {
        if (!mask.data[r * mask.width + c]) continue;
        const [row, col] = [mask.row + r, mask.col + c];
        if (!inside(row - 1, col)) pieces.push4(col, row, col + 1, row);
        if (!inside(row + 1, col)) pieces.push4(col, row + 1, col + 1, row + 1);
        if (!inside(row, col - 1)) pieces.push4(col, row, col, row + 1);
        if (!inside(row, col + 1)) pieces.push4(col + 1, row, col + 1, row + 1);
      }
    }
    return ringsOf([pieces.done(Int32Array)], inside);
  };

  /** Rings grouped into polygons: each outline (clockwise on the screen) with the holes in it. */
  Cerulean.polygonsOfRings = (rings) => polygonsOf(rings);

  /** Simple closed rings from pieces of edges; the inside lies to the right of each (clockwise on the screen). */
  function ringsOf(pieces, inside) {
    const [next, order] = directed(pieces, inside);
    const rings = [];
    for (const start of order) {
      while (next.has(start)) rings.push(...simpleRings(walk(next, start)));
    }
    return rings;
  }

  /** Map "start corner" -> list of end corners; edges turned so that the inside lies to the right. */
  function directed(pieces, inside) {
    const next = new Map();
    for (const quads of pieces) {
      for (let i = 0; i < quads.length; i += 4) {
        const [x0, y0, x1, y1] = quads.subarray(i, i + 4);
        const forward = y0 === y1 ? inside(y0, x0) : inside(y0, x0 - 1);
        const [from, to] = forward ? [keyOf(x0, y0), keyOf(x1, y1)] : [keyOf(x1, y1), keyOf(x0, y0)];
        if (next.has(from)) next.get(from).push(to);
        else next.set(from, [to]);
      }
    }
    return [next, [...next.keys()].sort((a, b) => a - b)];
  }

  /** Follows edges from a corner until they come back to it; at a corner of four edges it turns to the right. */
  function walk(next, start) {
    const ring = [start];
    let here = start;
    let before = null;
    do {
      const ways = next.get(here);
      const turn = ways.length > 1 && before !== null ? rightmost(before, here, ways) : 0;
      const [to] = ways.splice(turn, 1);
      if (!ways.length) next.delete(here);
      before = here;
      here = to;
      ring.push(here);
    } while (here !== start);
    return ring;
  }

  function rightmost(before, here, ways) {
    const [bx, by, hx, hy] = [xOf(before), yOf(before), xOf(here), yOf(here)];
    const turns = ways.map((way) => (hx - bx) * (yOf(way) - hy) - (hy - by) * (xOf(way) - hx));
    return turns.indexOf(Math.max(...turns));
  }

  /** A closed way parted where it meets itself, without corners in straight lines. */
  function simpleRings(way) {
    const rings = [];
    const stack = [];
    const place = new Map();
    for (const corner of way) {
      if (place.has(corner)) {
        const loop = stack.splice(place.get(corner));
        for (const passed of loop) place.delete(passed);
        rings.push(straightened(loop));
      }
      place.set(corner, stack.length);
      stack.push(corner);
    }
    return rings.filter((ring) => ring.length > 4);
  }

  function straightened(loop) {
    const points = loop.map((corner) => [xOf(corner), yOf(corner)]);
    const kept = points.filter(([x, y], i) => {
      const [a, b] = [points.at(i - 1), points[(i + 1) % points.length]];
      return (x - a[0]) * (b[1] - y) !== (y - a[1]) * (b[0] - x);
    });
    return kept.length ? [...kept, [...kept[0]]] : [];
  }

  function polygonsOf(rings) {
    const sized = rings.map((ring) => ({ ring, area: signedArea(ring), box: boxOf(ring) }));
    const outlines = sized.filter(({ area }) => area > 0).sort((a, b) => a.area - b.area);
    const polygons = new Map(outlines.map((outline) => [outline, [outline.ring]]));
    for (const hole of sized.filter(({ area }) => area < 0)) {
      const around = outlines.filter((outline) => outline.area > -hole.area && within(hole.box, outline.box));
      const owner = around.length === 1 ? around[0] : around.find((outline) => contains(outline, hole));
      polygons.get(owner).push(hole.ring);
    }
    const corner = ([[[x, y]]]) => y * BASE + x;
    return outlines.map((outline) => polygons.get(outline)).sort((a, b) => corner(a) - corner(b));
  }

  /** Twice the area, positive where the inside lies to the right on the screen (y down). */
  function signedArea(ring) {
    let sum = 0;
    for (let i = 1; i < ring.length; i++) sum += ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1];
    return sum;
  }

  function boxOf(ring) {
    const [xs, ys] = [ring.map((point) => point[0]), ring.map((point) => point[1])];
    return [Cerulean.least(xs), Cerulean.least(ys), Cerulean.most(xs), Cerulean.most(ys)];
  }

  function within(inner, outer) {
    return inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3];
  }

  /** Whether a hole lies in an outline: by the middle of the hole's first pixel edge, moved half a pixel inwards. */
  function contains(outline, hole) {
    const [[x0, y0], [x1, y1]] = hole.ring;
    const [dx, dy] = [Math.sign(x1 - x0), Math.sign(y1 - y0)];
    // To the right of a hole's edge lies the instance itself, so the point is inside the outline around it.
    const [x, y] = [x0 + dx / 2 - dy / 2, y0 + dy / 2 + dx / 2];
    let odd = false;
    const { ring } = outline;
    for (let i = 1; i < ring.length; i++) {
      const [[ax, ay], [bx, by]] = [ring[i - 1], ring[i]];
      if (ax === bx && ay > y !== by > y && ax > x) odd = !odd;
    }
    return odd;
  }

  const BASE = 2 ** 26;
  const keyOf = (x, y) => y * BASE + x;
  const xOf = (key) => key % BASE;
  const yOf = (key) => Math.floor(key / BASE);
})();
