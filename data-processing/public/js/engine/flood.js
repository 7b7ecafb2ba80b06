"use strict";
/* The scan-line flood (Smith, SIGGRAPH 1979): what hangs together with a seed, within a cap. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * The 8-connected pixels of a height x width window that hang together with the pixel `seed` and whose `values` lie
   * below `threshold`: {data: Uint8Array, size, capped, atEdge, box: [r0, c0, r1, c1)}. The flood stops at `cap`
   * pixels.
   */
  Cerulean.flood = (values, height, width, seed, threshold, cap = Infinity) => {
    const data = new Uint8Array(height * width);
    const out = { data, size: 0, capped: false, atEdge: false, box: [height, width, 0, 0] };
    if (!(values[seed] < threshold)) return out;
    const stack = [seed];
    while (stack.length) {
      const place = stack.pop();
      if (data[place]) continue;
      const row = (place / width) | 0;
      const base = row * width;
      let left = place - base;
      let right = left;
      while (left > 0 && !data[base + left - 1] && values[base + left - 1] < threshold) left--;
      while (right + 1 < width && !data[base + right + 1] && values[base + right + 1] < threshold) right++;
      data.fill(1, base + left, base + right + 1);
      out.size += right - left + 1;
      widen(out, row, left, right, height, width);
      if (out.size >= cap) {
        out.capped = true;
        return out;
      }
      for (const beside of [row - 1, row + 1]) {
        if (beside < 0 || beside >= height) continue;
        const from = beside * width;
        for (let c = Math.max(0, left - 1), last = Math.min(width - 1, right + 1), open = false; c <= last; c++) {
          const fits = !data[from + c] && values[from + c] < threshold;
          if (fits && !open) stack.push(from + c);
          open = fits;
        }
      }
    }
    return out;
  };

  function widen(out, row, left, right, height, width) {
    const { box } = out;
    if (row < box[0]) box[0] = row;
    if (left < box[1]) box[1] = left;
    if (row + 1 > box[2]) box[2] = row + 1;
    if (right + 1 > box[3]) box[3] = right + 1;
    if (!row || !left || row + 1 === height || right + 1 === width) out.atEdge = true;
  }
})();
