"use strict";
// Everything drawn over the image is kept in tiles of the screen's size: panning over 200 slicks costs what none costs.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const SIDE = 512; // device pixels
  const REACH = 26; // CSS pixels that halos and letters stick out of their slick
  const MOST_TILES = 48;
  const BUDGET_MS = 9; // painting in one frame; the rest comes in the next
  const REST_MS = 90; // while the scale changes the old tiles are stretched

  ui.OverlayTiles = class OverlayTiles {
    // `paint(context, window, scale, ratio)` draws into a context in image coordinates; false where nothing lies there.
    constructor(paint) {
      this.paint = paint;
      this.now = { scale: 0, tiles: new Map() };
      this.old = null;
      this.changed = 0;
      this.held = null;
      this.ratio = 1; // device pixels a CSS pixel
      this.shown = 0; // tiles of the last frame, which are never dropped
    }

    get reach() {
      return REACH * this.ratio;
    }

    // Forgets what was drawn in a window {row, col, height, width}, or everything.
    invalidate(rect = null) {
      if (this.held) {
        this.held.push(rect);
        return;
      }
      const { scale, tiles } = this.now;
      const { reach } = this;
      for (const [key, tile] of tiles) {
        const { column, row } = tile;
        const meets =
          !rect ||
          ((column + 1) * SIDE + reach > rect.col * scale &&
            column * SIDE - reach < (rect.col + rect.width) * scale &&
            (row + 1) * SIDE + reach > rect.row * scale &&
            row * SIDE - reach < (rect.row + rect.height) * scale);
        if (meets) tiles.get(key).stale = true;
      }
      this.old = null;
    }

    // While a stroke runs nothing is painted anew; its end paints all of it at once.
    hold(on) {
      if (on) this.held ??= [];
      else if (this.held) {
        const rects = this.held;
        this.held = null;
        for (const rect of rects) this.invalidate(rect);
      }
    }

    draw(context, view) {
      if (view.ratio !== this.ratio) {
        this.ratio = view.ratio;
        this.invalidate();
      }
      if (view.scale !== this.seen) {
        this.seen = view.scale;
        this.changed = performance.now();
      }
      if (view.scale !== this.now.scale) {
        const resting = performance.now() - this.changed > REST_MS || !this.now.scale;
        if (!resting) {
          this.stretch(context, view, this.now);
          return true;
        }
        this.old = this.now;
        this.now = { scale: view.scale, tiles: new Map() };
      }
      return this.drawSharp(context, view);
    }

    drawSharp(context, view) {
      const [left, top] = [Math.round(view.x * view.scale), Math.round(view.y * view.scale)];
      const end = performance.now() + BUDGET_MS;
      const missing = [];
      this.behind = false;
      this.shown = 0;
      for (let row = Math.floor(top / SIDE); row * SIDE < top + view.height; row++)
        for (let column = Math.floor(left / SIDE); column * SIDE < left + view.width; column++) {
          this.shown++;
          const tile = this.tileAt(column, row, view.scale, performance.now() < end);
          if (!tile) missing.push([column * SIDE - left, row * SIDE - top]);
          else if (tile.canvas) context.drawImage(tile.canvas, column * SIDE - left, row * SIDE - top);
        }
      if (missing.length && this.old) this.standIn(context, view, missing);
      if (!missing.length) this.old = null;
      this.forget();
      return this.behind;
    }

    standIn(context, view, places) {
      context.save();
      context.beginPath();
      for (const [x, y] of places) context.rect(x, y, SIDE, SIDE);
      context.clip();
      this.stretch(context, view, this.old);
      context.restore();
    }

    tileAt(column, row, scale, mayPaint) {
      const key = `${column},${row}`;
      const known = this.now.tiles.get(key);
      if (known && (!known.stale || this.held)) {
        this.now.tiles.delete(key);
        this.now.tiles.set(key, known);
        return known;
      }
      if (!mayPaint) {
        this.behind = true;
        return known ?? null;
      }
      const tile = { column, row, canvas: this.painted(column, row, scale, known?.canvas), stale: false };
      this.now.tiles.set(key, tile);
      return tile;
    }

    painted(column, row, scale, canvas) {
      const { reach } = this;
      const window = [
        (row * SIDE - reach) / scale,
        (column * SIDE - reach) / scale,
        (SIDE + 2 * reach) / scale,
        (SIDE + 2 * reach) / scale,
      ];
      const made = canvas ?? new OffscreenCanvas(SIDE, SIDE);
      const context = made.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      if (canvas) context.clearRect(0, 0, SIDE, SIDE);
      context.setTransform(scale, 0, 0, scale, -column * SIDE, -row * SIDE);
      return this.paint(context, window, scale, this.ratio) ? made : null;
    }

    stretch(context, view, { scale, tiles }) {
      const factor = view.scale / scale;
      context.imageSmoothingEnabled = true;
      for (const { column, row, canvas } of tiles.values()) {
        if (!canvas) continue;
        const [x, y] = view.toScreen((column * SIDE) / scale, (row * SIDE) / scale);
        if (x > view.width || y > view.height || x + SIDE * factor < 0 || y + SIDE * factor < 0) continue;
        context.drawImage(canvas, x, y, SIDE * factor, SIDE * factor);
      }
    }

    forget() {
      for (const key of this.now.tiles.keys()) {
        if (this.now.tiles.size <= Math.max(MOST_TILES, this.shown)) return;
        this.now.tiles.delete(key);
      }
    }
  };
})();
