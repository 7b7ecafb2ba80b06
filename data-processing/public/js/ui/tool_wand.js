"use strict";
// Wand: press on dark water, drag sideways for more or less. What would be taken shows while the button is down.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const SIDE = 1024; // scene pixels of the window that is looked at

  // The window of at most that side around a place, inside the scene.
  ui.windowAround = (desk, x, y, side) => {
    const [sceneHeight, sceneWidth] = desk.scene.height_width;
    const [height, width] = [Math.min(side, sceneHeight), Math.min(side, sceneWidth)];
    const row = Math.round(Math.min(sceneHeight - height, Math.max(0, y - height / 2)));
    const col = Math.round(Math.min(sceneWidth - width, Math.max(0, x - width / 2)));
    return [row, col, height, width];
  };

  // A mask as a tinted picture, one canvas pixel a scene pixel.
  ui.tinted = (mask, colour) => {
    const canvas = new OffscreenCanvas(mask.width, mask.height);
    const context = canvas.getContext("2d");
    const picture = context.createImageData(mask.width, mask.height);
    const words = new Uint32Array(picture.data.buffer);
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const word = ((0x60 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    for (let i = 0; i < words.length; i++) if (mask.data[i]) words[i] = word;
    context.putImageData(picture, 0, 0);
    return canvas;
  };

  ui.drawTinted = (context, view, mask, picture) => {
    const [x, y] = view.toScreen(mask.col, mask.row);
    context.imageSmoothingEnabled = view.scale < 1;
    context.drawImage(picture, x, y, mask.width * view.scale, mask.height * view.scale);
  };

  ui.Wand = class Wand {
    constructor(desk) {
      this.desk = desk;
      this.id = "wand";
      this.base = Cerulean.DEFAULT_TOLERANCE; // that a press begins with
      this.stroke = null;
      this.last = null; // what the last press took, for the line that tells of it
    }

    get busy() {
      return this.stroke !== null;
    }

    down(point) {
      if (!ui.mayDraw(this.desk)) return;
      const { desk } = this;
      const target = ui.strokeTarget(desk, point.shift);
      const stroke = {
        seed: [point.x, point.y],
        startX: point.screenX,
        tolerance: this.base,
        target,
        started: ui.utcNow(),
      };
      stroke.colour = ui.strokeColour(desk, target);
      if (!inside(desk, stroke.seed)) return;
      this.stroke = stroke;
      this.last = null;
      stroke.loaded = desk.pyramid.samples(ui.windowAround(desk, point.x, point.y, SIDE)).then((samples) => {
        stroke.wand = new Cerulean.Wand({ ...samples, nodata: desk.scene.nodata }, stroke.seed);
        if (this.stroke === stroke) this.look(stroke);
      });
      stroke.loaded.catch(ui.tell);
    }

    move(points) {
      const { stroke } = this;
      if (!stroke) return;
      const across = (points.at(-1).screenX - stroke.startX) / this.desk.renderer.ratio;
      stroke.tolerance = Math.abs(across) < 3 ? this.base : Cerulean.toleranceOfDrag(across, this.base);
      if (stroke.asked) return;
      stroke.asked = true;
      requestAnimationFrame(() => {
        stroke.asked = false;
        if (this.stroke === stroke && stroke.wand) this.look(stroke);
      });
    }

    // What the wand takes at the present tolerance.
    look(stroke) {
      if (stroke.found && stroke.looked === stroke.tolerance) return;
      stroke.found = stroke.wand.at(stroke.tolerance);
      stroke.looked = stroke.tolerance;
      stroke.picture = stroke.found.mask ? ui.tinted(stroke.found.mask, stroke.colour) : null;
      ui.emit("tool");
      this.desk.renderer.invalidate();
    }

    async up() {
      const { stroke, desk } = this;
      if (!stroke) return;
      const { editor } = desk;
      await stroke.loaded.catch(() => {});
      if (stroke.dropped) return; // another press may have begun, which drops nothing
      if (stroke.wand && desk.editor === editor) {
        this.look(stroke);
        this.take(stroke);
      }
      if (this.stroke === stroke) this.stroke = null;
      ui.emit("tool");
      desk.renderer.invalidate();
    }

    take({ found, target, started }) {
      this.last = found;
      if (!found.mask) ui.notice("Nothing there is darker than its surroundings: drag right for more.", { seconds: 4 });
      else ui.paintMask(this.desk, found.mask, { name: "wand", target, started });
      if (found.capped)
        ui.notice("The wand stopped at its largest size: drag left for less, or take it in pieces.", { kind: "warn" });
      else if (found.atEdge) ui.notice("The slick goes on beyond the wand's window: press there once more.");
    }

    cancel() {
      if (this.stroke) this.stroke.dropped = true;
      this.stroke = null;
      ui.emit("tool");
    }

    size(step) {
      this.base = Math.round(100 * Cerulean.toleranceOfDrag(15 * step, this.base)) / 100;
    }

    state() {
      const found = this.stroke?.found ?? this.last;
      const tolerance = this.stroke?.tolerance ?? this.base;
      const amount = found ? ` · ${found.size.toLocaleString("en")} px${found.capped ? " (largest)" : ""}` : "";
      return `Wand · tolerance ${Number(tolerance).toFixed(2)}${amount} · ${this.desk.targetWords()}`;
    }

    draw(context, view) {
      const { stroke } = this;
      if (!stroke) return;
      if (stroke.picture) ui.drawTinted(context, view, stroke.found.mask, stroke.picture);
      const [x, y] = view.toScreen(...stroke.seed);
      ui.ring(context, x, y, 4 * view.ratio, view.ratio, "#ffffff");
    }
  };

  function inside(desk, [x, y]) {
    const [height, width] = desk.scene.height_width;
    return x >= 0 && y >= 0 && x < width && y < height;
  }
  ui.inside = inside;
})();
