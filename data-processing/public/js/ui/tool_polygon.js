"use strict";
// Polygon: clicks set vertices, vertices and edges can be dragged, Enter burns it. Undoing it opens it again.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const REACH = 7; // CSS pixels around a vertex or edge
  const DRAG = 4; // CSS pixels from which a press is a drag

  ui.Polygon = class Polygon {
    constructor(desk) {
      this.desk = desk;
      this.id = "polygon";
      this.draft = null;
      this.held = -1; // the vertex that the pointer drags
      this.pressed = null; // a press that may still become a click or a drag
      this.place = null;
      this.last = null; // {vertices, started, depth}: the polygon burnt last, for undo
    }

    get busy() {
      return Boolean(this.draft?.vertices.length);
    }

    // What a press means is known when it moves or ends: a drag changes the vertex or edge under it, a click adds one.
    down(point) {
      if (!ui.mayDraw(this.desk)) return;
      if (!this.draft) this.open([], point.shift);
      const at = [point.x, point.y];
      const reach = (REACH * this.desk.renderer.ratio) / this.desk.view.scale;
      const vertex = this.draft.nearestVertex(at, reach);
      const edge = vertex < 0 && this.draft.vertices.length > 1 ? this.draft.nearestEdge(at, reach) : null;
      const drawn = edge && (edge.index < this.draft.vertices.length - 1 || this.draft.vertices.length > 2);
      this.pressed = { at, screen: [point.screenX, point.screenY], vertex, edge: drawn ? edge.index : -1 };
    }

    open(vertices, fresh) {
      this.draft = new Cerulean.PolygonDraft(vertices);
      this.target = ui.strokeTarget(this.desk, fresh);
      this.started = ui.utcNow();
    }

    move(points) {
      this.place = points.at(-1);
      if (this.pressed && !this.grab()) return;
      if (this.held >= 0 && this.draft) this.draft.move(this.held, [this.place.x, this.place.y]);
    }

    // Takes hold of what was pressed once the pointer has moved; whether it has.
    grab() {
      const { screen, vertex, edge, at } = this.pressed;
      if (Math.hypot(this.place.screenX - screen[0], this.place.screenY - screen[1]) < DRAG * this.desk.renderer.ratio)
        return false;
      this.pressed = null;
      if (vertex >= 0) this.held = vertex;
      else if (edge >= 0) {
        this.draft.insert(edge, at);
        this.held = edge + 1;
      } else {
        this.draft.add(at);
        this.held = this.draft.vertices.length - 1;
      }
      return true;
    }

    up() {
      const pressed = this.pressed;
      this.pressed = null;
      this.held = -1;
      if (!this.draft) return undefined;
      if (pressed) {
        const count = this.draft.vertices.length;
        if (pressed.vertex === 0 && count > 2) return this.finish();
        if (pressed.vertex < 0 || pressed.vertex !== count - 1) this.draft.add(pressed.at); // twice at one place: once
      }
      this.draft.settle();
      this.desk.saveDraft();
      return undefined;
    }

    hover(point) {
      this.place = point;
    }

    // Burns the polygon. Fewer than three vertices are no area: they stay open.
    finish() {
      this.held = -1;
      this.pressed = null;
      if (!this.draft) return false;
      if (this.draft.vertices.length < 3) {
        ui.notice("A polygon needs three vertices; click them, or press Esc.");
        return true;
      }
      const { vertices } = this.draft;
      const target = this.target !== null && this.desk.map.instances.has(this.target) ? this.target : null;
      const mask = this.draft.mask();
      this.draft = null;
      this.desk.saveDraft();
      if (!mask) ui.notice("That polygon holds no pixel's centre.", { kind: "warn" });
      const result = ui.paintMask(this.desk, mask, { name: "polygon", target, started: this.started });
      if (result?.changed) this.last = { vertices, target, depth: this.desk.editor.done.length };
      return true;
    }

    // Called after an undo: the polygon that was taken back is open again, so that a vertex can be put right.
    undone({ name }) {
      if (name !== "polygon" || !this.last || this.last.depth !== this.desk.editor.done.length + 1) return;
      this.open(this.last.vertices, false);
      this.target = this.last.target;
      this.last = null;
      this.desk.saveDraft();
    }

    // Ctrl+Z while vertices are open takes back one of them.
    undo() {
      if (!this.busy) return false;
      this.draft.undo();
      this.desk.saveDraft();
      return true;
    }

    redo() {
      if (!this.draft?.redo()) return false;
      this.desk.saveDraft();
      return true;
    }

    removeVertex() {
      if (!this.busy) return false;
      const reach = (REACH * this.desk.renderer.ratio) / this.desk.view.scale;
      const under = this.place ? this.draft.nearestVertex([this.place.x, this.place.y], reach) : -1;
      this.draft.remove(under >= 0 ? under : this.draft.vertices.length - 1);
      this.desk.saveDraft();
      return true;
    }

    cancel() {
      this.draft = this.pressed = null;
      this.held = -1;
      this.desk.saveDraft();
    }

    state() {
      const count = this.draft?.vertices.length ?? 0;
      return count
        ? `Polygon · ${count} ${count === 1 ? "vertex" : "vertices"} · Enter burns it`
        : `Polygon · ${this.desk.targetWords()}`;
    }

    draw(context, view) {
      if (!this.busy) return;
      const places = this.draft.vertices.map(([x, y]) => view.toScreen(x, y));
      const rubber = this.place && this.held < 0 ? [view.toScreen(this.place.x, this.place.y)] : [];
      const target = this.target !== null && this.desk.map.instances.has(this.target) ? this.target : null;
      const colour = ui.strokeColour(this.desk, target);
      context.lineJoin = "round";
      context.beginPath();
      [...places, ...rubber].forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x, y));
      context.closePath();
      context.fillStyle = ui.faint(colour, 0.15);
      context.fill();
      const lines = [
        [4, "#000b"],
        [1.8, colour],
      ];
      ui.strokeEach(context, lines, view.ratio);
      const half = 4 * view.ratio;
      places.forEach(([x, y], index) => {
        context.fillStyle = index === 0 ? "#ffffff" : colour;
        context.fillRect(x - half, y - half, 2 * half, 2 * half);
        context.lineWidth = 1.5 * view.ratio;
        context.strokeStyle = "#000";
        context.strokeRect(x - half, y - half, 2 * half, 2 * half);
      });
    }
  };
})();
