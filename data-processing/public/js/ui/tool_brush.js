"use strict";
// Brush and eraser: a disc that follows the pointer. Each frame's piece goes to the editor, so a crash keeps it.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const MOST = 400;

  class Brush {
    constructor(desk, erases) {
      this.desk = desk;
      this.erases = erases;
      this.id = erases ? "eraser" : "brush";
      this.radius = erases ? 5 : 3;
      this.points = null; // of the running stroke
      this.sent = 0; // points that the editor has
      this.place = null;
    }

    down(point) {
      if (!ui.mayDraw(this.desk)) return;
      this.points = [[point.x, point.y]];
      this.sent = 0;
      this.only = this.erases && this.desk.selected.size === 1 ? [...this.desk.selected][0] : null;
      this.target = this.erases ? null : ui.strokeTarget(this.desk, point.shift);
      this.colour = this.erases ? "#ffffff" : ui.strokeColour(this.desk, this.target);
      this.kept = new Map();
      this.desk.editor.begin(this.id);
      this.desk.holdOverlay(true);
      this.send();
    }

    move(points) {
      this.place = points.at(-1);
      if (!this.points) return;
      for (const { x, y } of points) this.points.push([x, y]);
      if (this.asked) return;
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        if (this.points) this.send();
      });
    }

    // Hands the points that the editor has not yet seen to it, from the last one that it has.
    send() {
      if (this.sent === this.points.length) return;
      const mask = Cerulean.brushMask(this.points.slice(Math.max(0, this.sent - 1)), this.radius);
      this.sent = this.points.length;
      if (this.erases) {
        this.desk.editor.erase(mask, { only: this.only });
        return;
      }
      const result = this.desk.editor.paint(this.target, mask, { name: "brush", classId: this.desk.classId });
      this.target = result.id ?? this.target;
      for (const [id, count] of result.kept) this.kept.set(id, (this.kept.get(id) ?? 0) + count);
    }

    up(point) {
      if (!this.points) return;
      this.points.push([point.x, point.y]);
      this.finish();
    }

    // Keeps what was painted up to now; whether there was a stroke.
    finish() {
      if (!this.points) return false;
      this.send();
      this.points = null;
      const name = this.desk.editor.commit();
      this.desk.holdOverlay(false);
      if (this.erases) return true;
      ui.sayKept(this.desk, { id: this.target, changed: name !== null, kept: this.kept });
      if (this.target !== null && name) this.desk.select([this.target]);
      return true;
    }

    cancel() {
      if (!this.points) return;
      this.points = null;
      this.desk.editor.cancel();
      this.desk.holdOverlay(false);
    }

    get busy() {
      return this.points !== null;
    }

    hover(point) {
      this.place = point;
    }

    size(step) {
      this.radius = Math.min(MOST, Math.max(0.5, Math.round(this.radius * 1.25 ** step * 2 + step) / 2));
    }

    state() {
      const metres = this.desk.pixelMetres();
      const size = `${ui.figures(2 * this.radius)} px${metres ? ` = ${ui.figures(2 * this.radius * metres)} m` : ""}`;
      if (this.erases)
        return `Eraser · ${size} wide · ${this.desk.selected.size === 1 ? "only the selected slick" : "all slicks"}`;
      return `Brush · ${size} wide · ${this.desk.targetWords()}`;
    }

    draw(context, view) {
      if (this.points) this.drawStroke(context, view);
      if (!this.place) return;
      const [x, y] = view.toScreen(this.place.x, this.place.y);
      const radius = Math.max(1.5, this.radius * view.scale);
      ui.ring(
        context,
        x,
        y,
        radius,
        view.ratio,
        this.erases ? "#ffffff" : ui.strokeColour(this.desk, ui.strokeTarget(this.desk, false)),
      );
    }

    drawStroke(context, view) {
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = Math.max(1.5, 2 * this.radius * view.scale);
      context.strokeStyle = this.erases ? "#0b0d10b0" : ui.faint(this.colour, 0.45);
      context.beginPath();
      this.points.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](...view.toScreen(x, y)));
      if (this.points.length === 1) context.lineTo(...view.toScreen(this.points[0][0] + 0.01, this.points[0][1]));
      context.stroke();
    }
  }

  // A circle that shows on light and on dark.
  ui.ring = (context, x, y, radius, ratio, colour) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    const lines = [
      [3.5, "#000b"],
      [1.5, colour],
    ];
    ui.strokeEach(context, lines, ratio);
  };

  ui.Brush = Brush;
})();
