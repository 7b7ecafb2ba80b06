"use strict";
/* Cheapest ways over pixels (Dijkstra 1959) with a heap of its own. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * Cheapest ways from the pixel `start` to all others of a mask (null data: to all of the window): {cost, from, last}.
   * A step costs its length (`size`: [down, across] of a pixel) times the mean of both pixels' `costs`. `from` leads
   * back (-1 at the start and where nothing leads), `last` is the pixel reached last. `until`: stop once that pixel is
   * reached; `limit`: go no further than this cost.
   */
  Cerulean.cheapestWays = (window, costs, size, start, { until = -1, limit = Infinity } = {}) => {
    const { height, width, data } = window;
    const cost = new Float64Array(height * width).fill(Infinity);
    const from = new Int32Array(height * width).fill(-1);
    const heap = new Cerulean.Heap(1024);
    const slant = Math.hypot(size[0], size[1]);
    let last = start;
    cost[start] = 0;
    heap.push(0, start);
    while (heap.size) {
      const reached = heap.least();
      const place = heap.pop();
      if (reached > cost[place]) continue;
      last = place;
      if (place === until || reached > limit) break;
      const row = (place / width) | 0;
      const col = place - row * width;
      for (let dr = -1; dr <= 1; dr++) {
        if (row + dr < 0 || row + dr >= height) continue;
        for (let dc = -1; dc <= 1; dc++) {
          if ((!dr && !dc) || col + dc < 0 || col + dc >= width) continue;
          const next = place + dr * width + dc;
          if (data && !data[next]) continue;
          const step = dr && dc ? slant : size[dr ? 0 : 1];
          const sum = reached + (step * (costs[place] + costs[next])) / 2;
          if (sum >= cost[next]) continue;
          cost[next] = sum;
          from[next] = place;
          heap.push(sum, next);
        }
      }
    }
    return { cost, from, last };
  };

  /** A binary heap of (key, value) pairs, the least key first. */
  Cerulean.Heap = class Heap {
    constructor(room) {
      this.keys = new Float64Array(room);
      this.values = new Int32Array(room);
      this.size = 0;
    }

    least() {
      return this.keys[0];
    }

    push(key, value) {
      if (this.size === this.keys.length) this.#grow();
      const { keys, values } = this;
      let place = this.size++;
      while (place > 0) {
        const parent = (place - 1) >> 1;
        if (keys[parent] <= key) break;
        keys[place] = keys[parent];
        values[place] = values[parent];
        place = parent;
      }
      keys[place] = key;
      values[place] = value;
    }

    /** The value of the least key, taken out. */
    pop() {
      const { keys, values } = this;
      const top = values[0];
      const [key, value] = [keys[--this.size], values[this.size]];
      let place = 0;
      for (let child = 1; child < this.size; child = 2 * place + 1) {
        if (child + 1 < this.size && keys[child + 1] < keys[child]) child++;
        if (keys[child] >= key) break;
        keys[place] = keys[child];
        values[place] = values[child];
        place = child;
      }
      keys[place] = key;
      values[place] = value;
      return top;
    }

    #grow() {
      const [keys, values] = [this.keys, this.values];
      this.keys = new Float64Array(keys.length * 2);
      this.values = new Int32Array(keys.length * 2);
      this.keys.set(keys);
      this.values.set(values);
    }
  };
})();
