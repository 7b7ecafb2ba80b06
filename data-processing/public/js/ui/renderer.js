"use strict";
// The canvas: one frame at a time, and only when something changed.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const BACKGROUND = "#0b0d10";

  ui.Renderer = class Renderer {
    constructor(canvas, view) {
      this.canvas = canvas;
      this.view = view;
      this.context = canvas.getContext("2d", { alpha: false });
      this.layers = []; // each: (context, view) => whether it has more to draw in the next frame
      this.asked = false;
      this.frames = 0;
      new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
      addEventListener("resize", () => this.resize()); // also where the window comes to a screen of another fineness
      this.resize();
    }

    resize() {
      const box = this.canvas.parentElement.getBoundingClientRect();
      const ratio = globalThis.devicePixelRatio || 1;
      const [width, height] = [Math.max(1, Math.round(box.width * ratio)), Math.max(1, Math.round(box.height * ratio))];
      if (this.canvas.width === width && this.canvas.height === height && this.ratio === ratio) return;
      this.ratio = this.view.ratio = ratio;
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${box.width}px`;
      this.canvas.style.height = `${box.height}px`;
      this.view.resize(width, height);
      ui.emit("resized");
      this.draw();
    }

    invalidate() {
      if (this.asked) return;
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        this.draw();
      });
    }

    draw() {
      const { context, view } = this;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.fillStyle = BACKGROUND;
      context.fillRect(0, 0, view.width, view.height);
      let more = false;
      for (const layer of this.layers) more = layer(context, view) || more;
      this.frames++;
      ui.emit("drawn");
      if (more) this.invalidate();
    }
  };

  // Draws a pyramid's tiles, coarser ones in place of those still to come. One drawImage a tile.
  ui.drawPyramid = (context, view, pyramid) => {
    const places = ui.placesOn(view, pyramid);
    if (!places.length) return false;
    const level = pyramid.levelFor(view.scale);
    context.imageSmoothingEnabled = view.scale * 2 ** level < 2;
    context.imageSmoothingQuality = "low";
    const shown = places.map((place) => drawOrStandIn(context, view, pyramid, place)).filter(Boolean);
    pyramid.sharp = !pyramid.want(places);
    if (pyramid.sharp && !pyramid.marked) {
      pyramid.marked = true;
      performance.mark("sharp"); // how long a scene took until its first sharp frame
    }
    return pyramid.repaint(shown);
  };

  function drawOrStandIn(context, view, pyramid, [level, row, column]) {
    const tile = pyramid.look(level, row, column);
    const side = pyramid.tilePx;
    if (tile) {
      place(context, view, tile.bitmap, 0, 0, tile.width, tile.height, column * side, row * side, 2 ** level);
      return tile;
    }
    const [levelHeight, levelWidth] = pyramid.sizeOf(level);
    const width = Math.min(side, levelWidth - column * side);
    const height = Math.min(side, levelHeight - row * side);
    for (let up = 1; level + up < pyramid.levels.length; up++) {
      const other = pyramid.look(level + up, row >> up, column >> up);
      if (!other) continue;
      const part = 2 ** -up;
      const left = (column * part - (column >> up)) * side;
      const top = (row * part - (row >> up)) * side;
      const partWidth = Math.min(width * part, other.width - left);
      const partHeight = Math.min(height * part, other.height - top);
      place(
        context,
        view,
        other.bitmap,
        left,
        top,
        partWidth,
        partHeight,
        column * side * part,
        row * side * part,
        2 ** (level + up),
      );
      return other;
    }
    return null;
  }

  // Draws part of a bitmap whose pixels are `factor` scene pixels wide; edges fall on whole device pixels: no seams.
  function place(context, view, bitmap, left, top, width, height, column, row, factor) {
    const [x0, y0] = view.toScreen(column * factor, row * factor).map(Math.round);
    const [x1, y1] = view.toScreen((column + width) * factor, (row + height) * factor).map(Math.round);
    if (x1 > x0 && y1 > y0) context.drawImage(bitmap, left, top, width, height, x0, y0, x1 - x0, y1 - y0);
  }
})();
