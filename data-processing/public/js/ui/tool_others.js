"use strict";
// Hand (select and pan) and cut (a line that parts a slick).
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  // A press that does not move selects; one that moves pans.
  ui.Hand = class Hand {
    constructor(desk) {
      this.desk = desk;
      this.id = "hand";
      this.busy = false;
    }

    down() {
      return "pan";
    }

    tap(point) {
      this.desk.pick(point, point.shift);
    }

    move() {}
    up() {}
    cancel() {}
    state() {
      return "";
    }
  };

  ui.Cut = class Cut {
    constructor(desk) {
      this.desk = desk;
      this.id = "cut";
      this.points = null;
    }

    get busy() {
      return this.points !== null;
    }

    down(point) {
      if (ui.mayDraw(this.desk)) this.points = [[point.x, point.y]];
    }

    move(points) {
      for (const { x, y } of points) this.points?.push([x, y]);
    }

    up(point) {
      if (!this.points) return;
      const line = [...this.points, [point.x, point.y]];
      this.points = null;
      const { editor, map, selected } = this.desk;
      const touched = new Set();
      Cerulean.walkLine(line, (row, col) => touched.add(map.at(row, col)));
      const ids = [...touched].filter((id) => id && (!selected.size || selected.has(id)));
      editor.begin("cut");
      const pieces = ids.flatMap((id) => {
        const parts = editor.splitByLine(id, line);
        return parts.length > 1 ? parts : [];
      });
      editor.commit();
      if (pieces.length) this.desk.select([pieces.at(-1)]);
      else
        ui.notice(
          ids.length ? "The line does not part the slick; draw it from side to side." : "The line crosses no slick.",
        );
    }

    cancel() {
      this.points = null;
    }

    state() {
      return "Cut · draw a line across a slick";
    }

    draw(context, view) {
      if (!this.points) return;
      context.beginPath();
      this.points.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](...view.toScreen(x, y)));
      const lines = [
        [4, "#000b"],
        [1.8, "#fff"],
      ];
      ui.strokeEach(context, lines, view.ratio);
    }
  };
})();
