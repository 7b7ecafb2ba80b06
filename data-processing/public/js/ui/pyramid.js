"use strict";
// The tiles of one scene: asked for as they come into view, kept up to a number of bytes, oldest look dropped first.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const MOST_BYTES = 80e6;
  const AT_ONCE = 6; // requests under way; more would be decoded for places the eye has left
  const RETRY_MS = 1000;
  const MOST_TRIES = 6;
  const REPAINT_MS = 6; // a frame's share for painting kept tiles anew after the stretch changed

  ui.Pyramid = class Pyramid {
    // `folder`: path below data/ that holds <level>/<row>_<column>.png. `levels`: [{height_width}], finest first.
    constructor({ source, folder, levels, tilePx, nodata, decoder, onTile }) {
      Object.assign(this, { source, folder, levels, tilePx, nodata, decoder, onTile });
      this.tiles = new Map(); // key -> {samples, bitmap, width, height, version, bytes}
      this.under = new Map(); // key -> promise
      this.missing = new Map(); // key -> {tries, until}: failed, and not asked for again before that time
      this.shown = new Set(); // keys of the last frame, which are never dropped: a large screen shows more than the limit
      this.bytes = 0;
      this.version = 0;
      this.table = null;
    }

    keyOf(level, row, column) {
      return `${level}/${row}_${column}`;
    }

    sizeOf(level) {
      return this.levels[level].height_width;
    }

    // The level whose pixels come nearest to device pixels at that scale.
    levelFor(scale) {
      const level = Math.round(Math.log2(1 / scale));
      return Math.min(this.levels.length - 1, Math.max(0, level));
    }

    setTable(table) {
      this.table = table;
      this.version++;
      this.decoder.setTable(this.folder, table);
    }

    // The tile if it is here, marked as just looked at.
    look(level, row, column) {
      const key = this.keyOf(level, row, column);
      const tile = this.tiles.get(key);
      if (tile) {
        this.tiles.delete(key);
        this.tiles.set(key, tile);
      }
      return tile;
    }

    // Asks for tiles of a frame, the coarsest of the scene and then the nearest to the eye first. Tells whether any are
    // still to come.
    want(places) {
      const coarsest = [this.levels.length - 1, 0, 0];
      const wanted = [coarsest, ...places];
      this.shown = new Set(wanted.map((place) => this.keyOf(...place)));
      const now = performance.now();
      const absent = wanted.filter((place) => {
        const key = this.keyOf(...place);
        return !this.tiles.has(key) && !(this.missing.get(key)?.until > now);
      });
      for (const place of absent) {
        if (this.under.size >= AT_ONCE) break;
        this.load(...place).catch(() => {});
      }
      return absent.length > 0;
    }

    // The tile, once it is here. Raises where its file is missing or broken.
    load(level, row, column) {
      const key = this.keyOf(level, row, column);
      const known = this.tiles.get(key);
      if (known) return Promise.resolve(known);
      if (!this.under.has(key)) this.under.set(key, this.fetch(key));
      return this.under.get(key);
    }

    async fetch(key) {
      try {
        const place = await this.source.image(`${this.folder}/${key}.png`);
        const tile = await this.decoder.decode(place, this.folder, this.version);
        if (this.closed) {
          tile.bitmap.close();
          return tile;
        }
        this.missing.delete(key);
        tile.bytes = tile.samples.byteLength + 4 * tile.width * tile.height;
        this.tiles.set(key, tile);
        this.bytes += tile.bytes;
        this.forget();
        return tile;
      } catch (error) {
        this.failed(key, error);
        throw error;
      } finally {
        this.under.delete(key);
        this.onTile();
      }
    }

    // Said once; asked for again a few times, ever later: a server comes back, a missing file does not.
    failed(key, { message }) {
      const tries = (this.missing.get(key)?.tries ?? 0) + 1;
      if (tries === 1) ui.emit("tile-missing", { folder: this.folder, key, message });
      const wait = RETRY_MS * 2 ** tries;
      this.missing.set(key, { tries, until: tries > MOST_TRIES ? Infinity : performance.now() + wait });
      if (tries <= MOST_TRIES) setTimeout(() => this.closed || this.onTile(), wait + 1);
    }

    forget() {
      const coarsest = `${this.levels.length - 1}/`;
      for (const [key, tile] of this.tiles) {
        if (this.bytes <= MOST_BYTES) return;
        if (key.startsWith(coarsest) || this.shown.has(key)) continue;
        this.tiles.delete(key);
        this.bytes -= tile.bytes;
        tile.bitmap.close();
      }
    }

    // Paints tiles with the present stretch where theirs is older, for as long as a frame may take. Returns whether one
    // was, or is still to be: then the next frame shows it.
    repaint(tiles) {
      const end = performance.now() + REPAINT_MS;
      const old = [...new Set(tiles)].filter((tile) => tile.version !== this.version);
      for (const tile of old) {
        if (performance.now() > end) break;
        const canvas = new OffscreenCanvas(tile.width, tile.height);
        const picture = new ImageData(tile.width, tile.height);
        ui.paintSamples(tile.samples, this.table, new Uint32Array(picture.data.buffer));
        canvas.getContext("2d").putImageData(picture, 0, 0);
        tile.bitmap.close();
        tile.bitmap = canvas.transferToImageBitmap();
        tile.version = this.version;
      }
      return old.length > 0;
    }

    // The sample under an image coordinate, from the finest tile that is here: {value, level} or null.
    valueAt(x, y) {
      for (let level = 0; level < this.levels.length; level++) {
        const [height, width] = this.sizeOf(level);
        const column = Math.floor(x / 2 ** level);
        const row = Math.floor(y / 2 ** level);
        if (row < 0 || column < 0 || row >= height || column >= width) return null;
        const tile = this.tiles.get(this.keyOf(level, Math.floor(row / this.tilePx), Math.floor(column / this.tilePx)));
        if (!tile) continue;
        const value = tile.samples[(row % this.tilePx) * tile.width + (column % this.tilePx)];
        return value === this.nodata ? null : { value, level };
      }
      return null;
    }

    // The samples of a window of the finest level, copied together: {row, col, height, width, data}.
    async samples([row, col, height, width]) {
      const tilePx = this.tilePx;
      const places = [];
      for (let r = Math.floor(row / tilePx); r * tilePx < row + height; r++)
        for (let c = Math.floor(col / tilePx); c * tilePx < col + width; c++) places.push([r, c]);
      const tiles = await Promise.all(places.map(([r, c]) => this.load(0, r, c)));
      const data = new tiles[0].samples.constructor(height * width);
      tiles.forEach((tile, index) => {
        const [top, left] = [places[index][0] * tilePx, places[index][1] * tilePx];
        const from = Math.max(left, col);
        const to = Math.min(left + tile.width, col + width);
        for (let r = Math.max(top, row); r < Math.min(top + tile.height, row + height); r++) {
          const start = (r - top) * tile.width - left;
          data.set(tile.samples.subarray(start + from, start + to), (r - row) * width + from - col);
        }
      });
      return { row, col, height, width, data };
    }

    close() {
      this.closed = true;
      for (const tile of this.tiles.values()) tile.bitmap.close();
      this.tiles.clear();
      this.bytes = 0;
    }
  };

  // [level, row, column] of the tiles that a view shows, those in its middle first.
  ui.placesOn = (view, pyramid) => {
    const level = pyramid.levelFor(view.scale);
    const side = pyramid.tilePx * 2 ** level;
    const [row, column, height, width] = view.window();
    if (!height || !width) return [];
    const places = [];
    for (let r = Math.floor(row / side); r * side < row + height; r++)
      for (let c = Math.floor(column / side); c * side < column + width; c++) places.push([level, r, c]);
    const [y, x] = [row + height / 2, column + width / 2];
    const distance = ([, r, c]) => Math.hypot((r + 0.5) * side - y, (c + 0.5) * side - x);
    return places.sort((a, b) => distance(a) - distance(b));
  };

  // The pyramid of a scene's image, whose tiles lie in the folder.
  ui.scenePyramid = (source, folder, scene, decoder, onTile) => {
    const { levels, tile_px: tilePx, nodata } = scene;
    return new ui.Pyramid({ source, folder, levels, tilePx, nodata, decoder, onTile });
  };
})();
