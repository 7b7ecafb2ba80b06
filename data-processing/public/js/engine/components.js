"use strict";
/* Parts that hang together, and holes. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * Labels a mask's parts from 1 on: {labels: Int32Array, sizes: [0, size of part 1, …], count}. `neighbours` is 4 or
   * 8; `value` 0 labels what is not in the mask instead.
   */
  Cerulean.labelParts = (mask, neighbours = 8, value = 1) => {
    const { height, width, data } = mask;
    const labels = new Int32Array(height * width);
    const stack = new Int32Array(height * width);
    const sizes = [0];
    const wanted = value ? 1 : 0;
    let [top, label] = [0, 0];
    const take = (place) => {
      if (labels[place] || (data[place] ? 1 : 0) !== wanted) return;
      labels[place] = label;
      stack[top++] = place;
    };
    for (let start = 0; start < labels.length; start++) {
      if (labels[start] || (data[start] ? 1 : 0) !== wanted) continue;
      label = sizes.length;
      let size = 0;
      take(start);
      while (top) {
        const place = stack[--top];
        size++;
        const row = (place / width) | 0;
        const col = place - row * width;
        const [up, down, left, right] = [row > 0, row + 1 < height, col > 0, col + 1 < width];
        if (up) take(place - width);
        if (down) take(place + width);
        if (left) take(place - 1);
        if (right) take(place + 1);
        if (neighbours === 4) continue;
        if (up && left) take(place - width - 1);
        if (up && right) take(place - width + 1);
        if (down && left) take(place + width - 1);
        if (down && right) take(place + width + 1);
      }
      sizes.push(size);
    }
    return { labels, sizes, count: sizes.length - 1 };
  };

  /** The parts of a mask as masks of their own, each cropped; none for no mask. */
  Cerulean.components = (mask, neighbours = 8) => {
    if (!mask) return [];
    const { labels, count } = Cerulean.labelParts(mask, neighbours);
    return Cerulean.masksOfLabels(mask, labels, count);
  };

  /** The masks of labels 1..count over a mask's window, each cropped, in one pass. */
  Cerulean.masksOfLabels = (window, labels, count) => {
    const lists = Array.from({ length: count }, () => new Cerulean.Numbers());
    for (let r = 0; r < window.height; r++) {
      for (let c = 0; c < window.width;) {
        const label = labels[r * window.width + c];
        const first = c++;
        while (c < window.width && labels[r * window.width + c] === label) c++;
        if (label > 0) lists[label - 1].push3(window.row + r, window.col + first, c - first);
      }
    }
    return lists.map((list) => Cerulean.maskOfRuns(list.done(Int32Array))).filter(Boolean);
  };

  /** The mask with its holes of at most `largest` pixels filled; a hole is what 4-connected water cannot leave. */
  Cerulean.filledMask = (mask, largest = Infinity) => {
    if (!mask) return null;
    const framed = Cerulean.maskOfRuns(Cerulean.runsOfMask(mask), 1);
    if (!framed) return mask;
    const { labels, sizes } = Cerulean.labelParts(framed, 4, 0);
    const outside = labels[0];
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] && labels[i] !== outside && sizes[labels[i]] <= largest) framed.data[i] = 1;
    }
    return framed;
  };

  /** The part of a mask that holds a pixel, or lies nearest to it within `reach` pixels; null for none. */
  Cerulean.partAt = (mask, row, col, reach = 0) => {
    const { labels, count } = Cerulean.labelParts(mask, 8);
    let [best, nearest] = [0, Infinity];
    const within = Math.ceil(reach);
    for (let r = row - within; r <= row + within; r++) {
      for (let c = col - within; c <= col + within; c++) {
        const [inRow, inCol] = [r - mask.row, c - mask.col];
        if (inRow < 0 || inCol < 0 || inRow >= mask.height || inCol >= mask.width) continue;
        const label = labels[inRow * mask.width + inCol];
        const distance = (r - row) ** 2 + (c - col) ** 2;
        if (label && distance <= reach * reach && distance < nearest) [best, nearest] = [label, distance];
      }
    }
    if (!best) return null;
    const one = labels.map((label) => (label === best ? 1 : 0));
    return count ? Cerulean.masksOfLabels(mask, one, 1)[0] : null;
  };
})();
