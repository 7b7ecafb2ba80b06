"use strict";
/* The label map: which instance each pixel belongs to, in sparse tiles, and the table of instances.
 *
 * Tiles of 256 x 256 instance ids (0: none) exist only where something is labelled. Each instance knows how many of
 * its pixels lie in which tile, so that nothing ever scans all tiles for one instance. Only an Editor writes.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const SIDE = 256;
  Cerulean.MAP_TILE = SIDE;

  /** A row of the instance table. The page reads it; an Editor changes it. */
  class Instance {
    constructor(map, record) {
      Object.defineProperty(this, "map", { value: map, enumerable: false });
      Object.assign(this, record);
    }

    /** Pixels. */
    get area() {
      return this.map.extents.get(this.id)?.area ?? 0;
    }

    /** [first row, first column, end row, end column), null without pixels. */
    get bbox() {
      return this.map.boxOf(this.id);
    }

    /** A number that grows whenever its pixels change. */
    get version() {
      return this.map.extents.get(this.id)?.version ?? 0;
    }
  }

  Cerulean.LabelMap = class LabelMap {
    /** An empty map of a scene of that many rows and columns. */
    constructor(height, width) {
      this.height = height;
      this.width = width;
      this.tileRows = Math.ceil(height / SIDE);
      this.tileCols = Math.ceil(width / SIDE);
      this.tiles = new Map(); // key -> {data, used}
      this.stamps = new Map(); // key -> clock of the last change, kept for tiles that are empty again
      this.extents = new Map(); // id -> {area, tiles: Map key -> count, box, version}
      this.instances = new Map(); // id -> Instance
      this.facts = new Map(); // key -> JSON value: what is known beside pixels, undone with them
      this.clock = 0;
    }

    /** The id at a pixel; 0 for none and outside the scene. */
    at(row, col) {
      if (row < 0 || col < 0 || row >= this.height || col >= this.width) return 0;
      const tile = this.tiles.get((row >> 8) * this.tileCols + (col >> 8));
      return tile ? tile.data[(row & 255) * SIDE + (col & 255)] : 0;
    }

    /** The ids (height x width, row by row) of a window; 0 outside the scene. */
    read({ row, col, height, width }) {
      const out = new Uint16Array(height * width);
      const [bottom, right] = [Math.min(row + height, this.height), Math.min(col + width, this.width)];
      for (let r = Math.max(row, 0); r < bottom; r++) {
        for (let c = Math.max(col, 0); c < right;) {
          const stop = Math.min(right, (c | 255) + 1);
          const tile = this.tiles.get((r >> 8) * this.tileCols + (c >> 8));
          if (tile) {
            const from = (r & 255) * SIDE + (c & 255);
            out.set(tile.data.subarray(from, from + stop - c), (r - row) * width + c - col);
          }
          c = stop;
        }
      }
      return out;
    }

    /** The ids that have pixels in a window. */
    idsIn(window) {
      const found = new Set(this.read(window));
      found.delete(0);
      return found;
    }

    /** A number that grows when the tile (of 256 x 256 pixels, by its row and column among tiles) changes. */
    tileStamp(tileRow, tileCol) {
      return this.stamps.get(tileRow * this.tileCols + tileCol) ?? 0;
    }

    /** The ids of a tile (65,536, not to be written to), null where nothing is labelled. */
    readTile(tileRow, tileCol) {
      return this.tiles.get(tileRow * this.tileCols + tileCol)?.data ?? null;
    }

    /** The tile keys that hold pixels of an instance, in row order. */
    tilesOf(id) {
      return [...(this.extents.get(id)?.tiles.keys() ?? [])].sort((a, b) => a - b);
    }

    /** The runs of an instance, in row order. */
    runsOf(id) {
      const out = new Cerulean.Numbers();
      const keys = this.tilesOf(id);
      for (let i = 0; i < keys.length;) {
        const tileRow = Math.floor(keys[i] / this.tileCols);
        let end = i;
        while (end < keys.length && Math.floor(keys[end] / this.tileCols) === tileRow) end++;
        this.#runsOfTileRow(id, tileRow, keys.slice(i, end), out);
        i = end;
      }
      return out.done(Int32Array);
    }

    #runsOfTileRow(id, tileRow, keys, out) {
      for (let r = 0; r < SIDE; r++) {
        for (const key of keys) {
          const data = this.tiles.get(key).data;
          const left = (key - tileRow * this.tileCols) * SIDE;
          for (let i = r * SIDE, c = 0; c < SIDE; c++) {
            if (data[i + c] !== id) continue;
            const first = c;
            while (c < SIDE && data[i + c] === id) c++;
            this.#joinRun(out, tileRow * SIDE + r, left + first, c - first);
          }
        }
      }
    }

    #joinRun(out, row, col, length) {
      const last = out.length - 3;
      if (last >= 0 && out.data[last] === row && out.data[last + 1] + out.data[last + 2] === col) {
        out.data[last + 2] += length;
      } else {
        out.push3(row, col, length);
      }
    }

    /** The mask of an instance in its box, grown by `margin`; null without pixels. */
    maskOf(id, margin = 0) {
      return Cerulean.maskOfRuns(this.runsOf(id), margin);
    }

    /** [first row, first column, end row, end column) of an instance, null without pixels. */
    boxOf(id) {
      const extent = this.extents.get(id);
      if (!extent || !extent.area) return null;
      extent.box ??= Cerulean.runsBox(this.runsOf(id));
      return [...extent.box];
    }

    /** Puts a record into the table, or takes the instance out of it (null). */
    setRecord(id, record) {
      if (record === null) this.instances.delete(id);
      else this.instances.set(id, new Instance(this, { ...record }));
    }

    /** The plain record of an instance, null where it is not in the table. */
    recordOf(id) {
      const instance = this.instances.get(id);
      return instance ? { ...instance } : null;
    }

    /**
     * Sets `id` on a run of pixels inside the scene where `allows(old id)`; `changed(row, col, length, old)` hears of
     * each piece that was something else before. Returns how many pixels changed.
     */
    writeRun(row, col, length, id, allows, changed) {
      let count = 0;
      for (let c = col, end = col + length; c < end;) {
        const key = (row >> 8) * this.tileCols + (c >> 8);
        const stop = Math.min(end, (c | 255) + 1);
        const tile = this.tiles.get(key);
        const base = (row & 255) * SIDE - (c & ~255);
        while (c < stop) {
          const old = tile ? tile.data[base + c] : 0;
          const first = c;
          c = tile ? c + 1 : stop;
          while (c < stop && tile.data[base + c] === old) c++;
          if (old === id || !allows(old)) continue;
          this.#fill(key, base + first, c - first, old, id);
          changed(row, first, c - first, old);
          count += c - first;
        }
      }
      return count;
    }

    #fill(key, from, length, old, id) {
      let tile = this.tiles.get(key);
      if (!tile) this.tiles.set(key, (tile = { data: new Uint16Array(SIDE * SIDE), used: 0 }));
      tile.data.fill(id, from, from + length);
      tile.used += (id ? length : 0) - (old ? length : 0);
      if (!tile.used) this.tiles.delete(key);
      this.stamps.set(key, ++this.clock);
      if (old) this.#count(old, key, -length);
      if (id) this.#count(id, key, length);
    }

    #count(id, key, change) {
      let extent = this.extents.get(id);
      if (!extent) this.extents.set(id, (extent = { area: 0, tiles: new Map(), box: null, version: 0 }));
      const inTile = (extent.tiles.get(key) ?? 0) + change;
      if (inTile) extent.tiles.set(key, inTile);
      else extent.tiles.delete(key);
      extent.area += change;
      extent.box = null;
      extent.version = this.clock;
      if (!extent.area) this.extents.delete(id);
    }
  };
})();
