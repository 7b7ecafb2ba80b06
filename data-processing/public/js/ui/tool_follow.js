"use strict";
// Wand along: drag roughly along a thin slick; the page finds its darkest line and its width.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const SIDE = 1536; // scene pixels of the window; a drag that leaves it goes on in another
  const MARGIN = 24;
  const OFF = 16; // CSS pixels, and at least as many of the scene's, that the line may lie off the drag
  const QUICK_MS = 30; // a whole look that takes longer waits for the end of the drag; until then the line alone shows

  ui.Follow = class Follow {
    constructor(desk) {
      this.desk = desk;
      this.id = "follow";
      this.tolerance = Cerulean.DEFAULT_TOLERANCE;
      this.stroke = null;
    }

    get busy() {
      return this.stroke !== null;
    }

    down(point) {
      if (!ui.mayDraw(this.desk) || !ui.inside(this.desk, [point.x, point.y])) return;
      const target = ui.strokeTarget(this.desk, point.shift);
      this.stroke = {
        target,
        colour: ui.strokeColour(this.desk, target),
        started: ui.utcNow(),
        pieces: [],
        ended: false,
      };
      this.piece(point.x, point.y);
    }

    // Begins a piece of the stroke, in a window of its own.
    piece(x, y) {
      const { stroke, desk } = this;
      const window = ui.windowAround(desk, x, y, SIDE);
      const piece = { points: [[x, y]], window, found: null };
      stroke.pieces.push(piece);
      piece.loaded = desk.pyramid.samples(window).then((samples) => {
        piece.samples = { ...samples, nodata: desk.scene.nodata };
        if (this.stroke === stroke) this.ask(piece);
      });
      piece.loaded.catch(ui.tell);
    }

    move(points) {
      const { stroke } = this;
      if (!stroke) return;
      for (const { x, y } of points) {
        if (!ui.inside(this.desk, [x, y])) continue;
        const piece = stroke.pieces.at(-1);
        piece.points.push([x, y]);
        if (leaves(piece.window, x, y, this.desk.scene.height_width)) this.piece(x, y);
      }
      this.ask(stroke.pieces.at(-1));
    }

    ask(piece) {
      if (piece.asked || !piece.samples) return;
      piece.asked = true;
      requestAnimationFrame(() => {
        piece.asked = false;
        if (this.stroke?.pieces.includes(piece)) this.look(piece);
      });
    }

    look(piece, ended = false) {
      if (piece.looked === piece.points.length || !piece.samples) return;
      const reach = Math.min(48, Math.max(OFF, (OFF * this.desk.renderer.ratio) / this.desk.view.scale));
      piece.follower ??= new Cerulean.Follower(piece.samples, { reach, tolerance: this.tolerance });
      const start = performance.now();
      const whole = ended || !(piece.slow > QUICK_MS);
      piece.found = whole
        ? piece.follower.to(piece.points)
        : { path: piece.follower.path(piece.points), mask: null, size: 0 };
      if (whole) piece.slow = performance.now() - start;
      piece.looked = whole ? piece.points.length : 0;
      piece.picture = piece.found.mask ? ui.tinted(piece.found.mask, this.stroke.colour) : null;
      ui.emit("tool");
      this.desk.renderer.invalidate();
    }

    async up() {
      const { stroke, desk } = this;
      if (!stroke) return;
      const { scene } = desk;
      await Promise.all(stroke.pieces.map((piece) => piece.loaded.catch(() => {})));
      if (this.stroke !== stroke) return;
      if (desk.scene === scene) {
        for (const piece of stroke.pieces) this.look(piece, true);
        const mask = Cerulean.unionMasks(stroke.pieces.map((piece) => piece.found?.mask ?? null));
        if (mask) ui.paintMask(desk, mask, { name: "wand along", target: stroke.target, started: stroke.started });
        else ui.notice("No darker line was found along that drag.", { seconds: 4 });
      }
      this.stroke = null;
      ui.emit("tool");
      desk.renderer.invalidate();
    }

    cancel() {
      this.stroke = null;
      ui.emit("tool");
    }

    size(step) {
      this.tolerance = Math.round(100 * Cerulean.toleranceOfDrag(15 * step, this.tolerance)) / 100;
    }

    state() {
      const pixels = (this.stroke?.pieces ?? []).reduce((sum, piece) => sum + (piece.found?.size ?? 0), 0);
      const amount = pixels ? ` · ${pixels.toLocaleString("en")} px` : "";
      return `Wand along · tolerance ${this.tolerance.toFixed(2)}${amount} · ${this.desk.targetWords()}`;
    }

    draw(context, view) {
      if (!this.stroke) return;
      for (const { found, picture, points } of this.stroke.pieces) {
        if (picture) ui.drawTinted(context, view, found.mask, picture);
        const way = found?.path.length ? found.path : points;
        context.beginPath();
        way.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](...view.toScreen(x, y)));
        const lines = [
          [3, "#0008"],
          [1, "#fff"],
        ];
        ui.strokeEach(context, lines, view.ratio);
      }
    }
  };

  // Whether a place comes near a side of the window beyond which the scene goes on.
  function leaves([row, col, height, width], x, y, [sceneHeight, sceneWidth]) {
    return (
      (y < row + MARGIN && row > 0) ||
      (y > row + height - MARGIN && row + height < sceneHeight) ||
      (x < col + MARGIN && col > 0) ||
      (x > col + width - MARGIN && col + width < sceneWidth)
    );
  }
})();
