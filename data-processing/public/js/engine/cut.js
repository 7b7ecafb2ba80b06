"use strict";
/* Cutting a mask along a drawn line, so that every pixel goes to one of the pieces. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** The pieces of a mask cut along points [x, y]; none where the line does not part it. No pixel is lost. */
  Cerulean.cutMask = (mask, points) => {
    const barrier = barrierOf(mask, points);
    const whole = Cerulean.labelParts(mask, 8);
    const open = { ...mask, data: mask.data.map((value, i) => (value && !barrier[i] ? 1 : 0)) };
    const pieces = Cerulean.labelParts(open, 8);
    if (pieces.count <= whole.count) return [];
    spread(mask, pieces.labels, mask.data);
    const owner = ownerOf(mask, whole, pieces, barrier);
    const joined = pieces.labels.map((label) => (label ? owner[label] : 0));
    return Cerulean.masksOfLabels(mask, joined, pieces.count);
  };

  /** The pixels that the line runs through, with no gap that an 8-connected way could slip through. */
  function barrierOf(mask, points) {
    const barrier = new Uint8Array(mask.data.length);
    Cerulean.walkLine(points, (row, col) => {
      const [r, c] = [row - mask.row, col - mask.col];
      if (r >= 0 && c >= 0 && r < mask.height && c < mask.width) barrier[r * mask.width + c] = 1;
    });
    return barrier;
  }

  /** Gives pixels where `open` is set and that have no label yet that of the nearest piece, step by step. */
  function spread(mask, labels, open) {
    let front = [];
    for (let i = 0; i < labels.length; i++) if (labels[i]) front.push(i);
    while (front.length) {
      const next = [];
      for (const place of front) {
        eachNeighbour(mask, place, (beside) => {
          if (!open[beside] || labels[beside]) return;
          labels[beside] = labels[place];
          next.push(beside);
        });
      }
      front = next;
    }
  }

  /** For each piece the label it goes by: parts that the line did not meet go with the nearest piece that it cut. */
  function ownerOf(mask, whole, pieces, barrier) {
    const met = new Set();
    for (let i = 0; i < barrier.length; i++) if (barrier[i] && mask.data[i]) met.add(whole.labels[i]);
    const owner = pieces.sizes.map((_, label) => label);
    if (met.size === whole.count) return owner;
    const reached = pieces.labels.map((label, i) => (met.has(whole.labels[i]) ? label : 0));
    spread(mask, reached, new Uint8Array(reached.length).fill(1));
    for (let i = reached.length - 1; i >= 0; i--) {
      if (pieces.labels[i] && !met.has(whole.labels[i])) owner[pieces.labels[i]] = reached[i];
    }
    return owner;
  }

  function eachNeighbour(mask, place, visit) {
    const row = Math.floor(place / mask.width);
    const col = place - row * mask.width;
    for (let r = Math.max(0, row - 1); r <= Math.min(mask.height - 1, row + 1); r++) {
      for (let c = Math.max(0, col - 1); c <= Math.min(mask.width - 1, col + 1); c++) {
        if (r !== row || c !== col) visit(r * mask.width + c);
      }
    }
  }
})();
