"use strict";
/* Outlines for the screen: the pixel edges of every instance, as straight pieces, from a cache of tiles.
 *
 * Drawn as separate strokes they look as rings do, and a change redoes only the tiles around it, however many
 * instances there are.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const SIDE = 256;
  const caches = new WeakMap();

  /**
   * Map id -> array of Int32Array quads (x0, y0, x1, y1): the edges of the instances' pixels in the tiles that a
   * window meets. Pieces end at tile borders; no border of a tile is drawn where an instance goes on.
   */
  Cerulean.edges = (map, { row, col, height, width }) => {
    const found = new Map();
    const lastRow = Math.min(map.tileRows - 1, (row + height - 1) >> 8);
    const lastCol = Math.min(map.tileCols - 1, (col + width - 1) >> 8);
    for (let r = Math.max(0, row >> 8); r <= lastRow; r++) {
      for (let c = Math.max(0, col >> 8); c <= lastCol; c++) {
        if (!map.readTile(r, c)) continue;
        for (const [id, pieces] of Cerulean.tileEdges(map, r, c)) {
          if (found.has(id)) found.get(id).push(pieces);
          else found.set(id, [pieces]);
        }
      }
    }
    return found;
  };

  /** Map id -> Int32Array quads of one tile, from the cache where the tile and its neighbours are unchanged. */
  Cerulean.tileEdges = (map, tileRow, tileCol) => {
    if (!caches.has(map)) caches.set(map, new Map());
    const cache = caches.get(map);
    const key = tileRow * map.tileCols + tileCol;
    const stamp = Math.max(
      map.tileStamp(tileRow, tileCol),
      tileRow ? map.tileStamp(tileRow - 1, tileCol) : 0,
      tileRow + 1 < map.tileRows ? map.tileStamp(tileRow + 1, tileCol) : 0,
      tileCol ? map.tileStamp(tileRow, tileCol - 1) : 0,
      tileCol + 1 < map.tileCols ? map.tileStamp(tileRow, tileCol + 1) : 0,
    );
    const known = cache.get(key);
    if (known && known.stamp === stamp) return known.edges;
    const edges = edgesOfTile(map, tileRow, tileCol);
    cache.set(key, { stamp, edges });
    return edges;
  };

  function edgesOfTile(map, tileRow, tileCol) {
    const [top, left] = [tileRow * SIDE, tileCol * SIDE];
    const frame = map.read({ row: top - 1, col: left - 1, height: SIDE + 2, width: SIDE + 2 });
    const lists = new Map();
    const add = (id, x0, y0, x1, y1) => {
      if (!lists.has(id)) lists.set(id, new Cerulean.Numbers());
      lists.get(id).push4(left + x0, top + y0, left + x1, top + y1);
    };
    // Edges above and below each row of pixels, left and right of each column.
    scan(frame, SIDE + 2, 1, (line, from, to, side, id) => add(id, from, line + side, to, line + side));
    scan(frame, 1, SIDE + 2, (line, from, to, side, id) => add(id, line + side, from, line + side, to));
    return new Map([...lists].map(([id, list]) => [id, list.done(Int32Array)]));
  }

  /** Finds runs of edges along lines of pixels: `across` leads to the next line, `along` to the next pixel. */
  function scan(frame, across, along, found) {
    for (let line = 0; line < SIDE; line++) {
      const start = (line + 1) * across + along;
      for (const side of [0, 1]) {
        const beside = side ? across : -across;
        for (let i = 0; i < SIDE;) {
          const place = start + i * along;
          const id = frame[place];
          if (!id || frame[place + beside] === id) {
            i++;
            continue;
          }
          const from = i;
          while (i < SIDE && frame[start + i * along] === id && frame[start + i * along + beside] !== id) i++;
          found(line, from, i, side, id);
        }
      }
    }
  }
})();
