"use strict";
/* A polygon while it is drawn: vertices can be added, moved, inserted, removed and undone before it is burnt. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  Cerulean.PolygonDraft = class PolygonDraft {
    constructor(vertices = []) {
      this.vertices = vertices.map((vertex) => [...vertex]);
      this.past = [];
      this.future = [];
    }

    /** Adds a vertex [x, y] at the end. */
    add(point) {
      this.#change((vertices) => vertices.push([...point]));
    }

    /** Puts a vertex into the edge that begins at vertex `edge`. */
    insert(edge, point) {
      this.#change((vertices) => vertices.splice(edge + 1, 0, [...point]));
    }

    /** Moves a vertex; moves of the same vertex in a row are one step of undo until `settle()`. */
    move(index, point) {
      if (this.moving === index) this.vertices[index] = [...point];
      else this.#change((vertices) => { vertices[index] = [...point]; });
      this.moving = index;
    }

    /** Ends a series of moves (the button is up). */
    settle() {
      this.moving = null;
    }

    remove(index) {
      this.#change((vertices) => vertices.splice(index, 1));
    }

    /** Takes back the last change; false where there is none. */
    undo() {
      return this.#step(this.past, this.future);
    }

    redo() {
      return this.#step(this.future, this.past);
    }

    /** The vertex nearest to a point, -1 where none lies within that distance. */
    nearestVertex(point, within) {
      const distances = this.vertices.map((vertex) => Math.hypot(vertex[0] - point[0], vertex[1] - point[1]));
      const nearest = Math.min(...distances);
      return nearest <= within ? distances.indexOf(nearest) : -1;
    }

    /** {index, point}: the edge nearest to a point and the place on it, null where none lies within that distance. */
    nearestEdge(point, within) {
      let best = null;
      let nearest = within;
      this.vertices.forEach((from, index) => {
        const to = this.vertices[(index + 1) % this.vertices.length];
        const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        const along = ((point[0] - from[0]) * dx + (point[1] - from[1]) * dy) / (dx * dx + dy * dy || 1);
        const t = Math.min(1, Math.max(0, along));
        const place = [from[0] + t * dx, from[1] + t * dy];
        const distance = Math.hypot(place[0] - point[0], place[1] - point[1]);
        if (distance <= nearest) [best, nearest] = [{ index, point: place }, distance];
      });
      return best;
    }

    /** The polygon's mask, null where it holds no pixel's centre. */
    mask() {
      return Cerulean.polygonMask(this.vertices);
    }

    #change(change) {
      this.past.push(this.vertices.map((vertex) => [...vertex]));
      this.future = [];
      this.moving = null;
      change(this.vertices);
    }

    #step(from, to) {
      if (!from.length) return false;
      to.push(this.vertices);
      this.vertices = from.pop();
      this.moving = null;
      return true;
    }
  };
})();
