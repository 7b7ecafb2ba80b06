"use strict";
/* The brush: a disc swept along points; and the pixels that a line runs through. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * The pixels whose centres lie within `radius` of the way through the points [x, y], and the one the first point lies
   * in, so that no dab is too small to paint. Null for no points.
   */
  Cerulean.brushMask = (points, radius) => {
    if (!points.length) return null;
    const xs = points.map((point) => point[0]);
    const ys = points.map((point) => point[1]);
    const left = Math.floor(Math.min(...xs) - radius);
    const top = Math.floor(Math.min(...ys) - radius);
    const right = Math.floor(Math.max(...xs) + radius) + 1;
    const bottom = Math.floor(Math.max(...ys) + radius) + 1;
    const mask = Cerulean.emptyMask(top, left, bottom - top, right - left);
    const pairs = points.length > 1 ? points.slice(1).map((point, i) => [points[i], point]) : [[points[0], points[0]]];
    for (const [from, to] of pairs) sweep(mask, from, to, radius);
    mask.data[(Math.floor(ys[0]) - top) * mask.width + Math.floor(xs[0]) - left] = 1;
    return mask;
  };

  /** Sets the pixels whose centres lie within `radius` of a segment. */
  function sweep(mask, [x0, y0], [x1, y1], radius) {
    const [dx, dy] = [x1 - x0, y1 - y0];
    const square = dx * dx + dy * dy;
    const firstRow = Math.max(0, Math.floor(Math.min(y0, y1) - radius) - mask.row);
    const lastRow = Math.min(mask.height - 1, Math.floor(Math.max(y0, y1) + radius) - mask.row);
    const firstCol = Math.max(0, Math.floor(Math.min(x0, x1) - radius) - mask.col);
    const lastCol = Math.min(mask.width - 1, Math.floor(Math.max(x0, x1) + radius) - mask.col);
    for (let r = firstRow; r <= lastRow; r++) {
      const y = mask.row + r + 0.5 - y0;
      for (let c = firstCol; c <= lastCol; c++) {
        const x = mask.col + c + 0.5 - x0;
        const t = square ? Math.min(1, Math.max(0, (x * dx + y * dy) / square)) : 0;
        if ((x - t * dx) ** 2 + (y - t * dy) ** 2 <= radius * radius) mask.data[r * mask.width + c] = 1;
      }
    }
  }

  /**
   * Visits (row, col) of every pixel that the way through the points [x, y] runs through, each neighbour to the next
   * by a side (Amanatides and Woo, Eurographics 1987).
   */
  Cerulean.walkLine = (points, visit) => {
    if (points.length) visit(Math.floor(points[0][1]), Math.floor(points[0][0]));
    for (let i = 1; i < points.length; i++) walkSegment(points[i - 1], points[i], visit);
  };

  function walkSegment([x0, y0], [x1, y1], visit) {
    let [col, row] = [Math.floor(x0), Math.floor(y0)];
    const [endCol, endRow] = [Math.floor(x1), Math.floor(y1)];
    const [stepCol, stepRow] = [Math.sign(x1 - x0), Math.sign(y1 - y0)];
    const nextAt = (step, from, cell, delta) => (step ? (cell + (step > 0 ? 1 : 0) - from) / delta : Infinity);
    let steps = Math.abs(endCol - col) + Math.abs(endRow - row);
    while (steps-- > 0) {
      const toCol = col === endCol ? Infinity : nextAt(stepCol, x0, col, x1 - x0);
      const toRow = row === endRow ? Infinity : nextAt(stepRow, y0, row, y1 - y0);
      if (toCol < toRow) col += stepCol;
      else row += stepRow;
      visit(row, col);
    }
  }
})();
