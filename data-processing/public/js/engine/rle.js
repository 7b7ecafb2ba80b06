"use strict";
/* COCO's run-length code: runs down the columns, packed into text as pycocotools packs them. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const MOST_PIXELS = 2 ** 28;
  const MOST_SIZE = 2 ** 32;
  const LONGEST = 2 ** 24;

  /** {size: [height, width], counts: text} of a mask (null: empty) in a scene of that size. */
  Cerulean.rleEncode = (mask, height, width) =>
    Cerulean.rleOfRuns(mask ? Cerulean.runsOfMask(mask, height, width) : new Int32Array(0), height, width);

  /** The same of runs inside the scene. */
  Cerulean.rleOfRuns = (runs, height, width) => {
    const counts = packed(countsOf(runs, height, width));
    return { size: [height, width], counts };
  };

  /**
   * The mask, cropped to its box (null: empty), of {size, counts}; `counts` is packed text or a list of numbers.
   * `where` begins the sentence that refuses what is no such code, or one of another size than `expected`.
   */
  Cerulean.rleDecode = (rle, where = "The mask", expected = null) => {
    const [height, width] = sizeOf(rle, where, expected);
    if (rle.counts?.length > LONGEST) {
      Cerulean.refuse(`${where} has a run-length code that is too long to be a slick's.`);
    }
    const counts = typeof rle.counts === "string" ? unpacked(rle.counts, where) : rle.counts;
    if (!Array.isArray(counts) || !counts.every((count) => Number.isInteger(count) && count >= 0)) broken(where);
    if (counts.reduce((sum, count) => sum + count, 0) !== height * width) broken(where);
    return maskOfCounts(counts, height, where);
  };

  function sizeOf(rle, where, expected) {
    const size = rle?.size;
    const fits = Array.isArray(size) && size.length === 2 && size.every((side) => Number.isInteger(side) && side > 0);
    if (!fits || size[0] * size[1] > MOST_SIZE) {
      Cerulean.refuse(`${where} has no size of [height, width] that a scene can have.`);
    }
    if (expected && (size[0] !== expected[0] || size[1] !== expected[1])) {
      Cerulean.refuse(`${where} is ${size[0]} x ${size[1]} pixels, but the scene is ${expected[0]} x ${expected[1]}.`);
    }
    return size;
  }

  /** Lengths of runs, of zeros and ones by turns, down the columns of the whole scene. */
  function countsOf(runs, height, width) {
    const counts = [];
    let end = 0; // of the last run of ones, counted down the columns
    for (const [col, spans] of [...columnsOf(runs)].sort((a, b) => a[0] - b[0])) {
      for (let i = 0; i < spans.length; i += 2) {
        const first = col * height + spans[i];
        if (first === end && counts.length) counts[counts.length - 1] += spans[i + 1];
        else counts.push(first - end, spans[i + 1]);
        end = first + spans[i + 1];
      }
    }
    if (end < height * width || !counts.length) counts.push(height * width - end);
    return counts;
  }

  /** Map column -> [first row, length, first row, length, …] of the pixels of runs, which stand in row order. */
  function columnsOf(runs) {
    const columns = new Map();
    for (let i = 0; i < runs.length; i += 3) {
      const row = runs[i];
      for (let col = runs[i + 1]; col < runs[i + 1] + runs[i + 2]; col++) {
        const spans = columns.get(col);
        if (!spans) columns.set(col, [row, 1]);
        else if (spans.at(-2) + spans.at(-1) === row) spans[spans.length - 1]++;
        else spans.push(row, 1);
      }
    }
    return columns;
  }

  function maskOfCounts(counts, height, where) {
    let [top, bottom, left, right] = [Infinity, -1, Infinity, -1];
    eachRun(counts, height, (col, first, stop) => {
      top = Math.min(top, first);
      bottom = Math.max(bottom, stop);
      left = Math.min(left, col);
      right = Math.max(right, col + 1);
    });
    if (right < 0) return null;
    if ((bottom - top) * (right - left) > MOST_PIXELS) {
      Cerulean.refuse(`${where} spans more pixels than fit in memory.`);
    }
    const mask = Cerulean.emptyMask(top, left, bottom - top, right - left);
    eachRun(counts, height, (col, first, stop) => {
      for (let r = first; r < stop; r++) mask.data[(r - top) * mask.width + col - left] = 1;
    });
    return mask;
  }

  /** Visits (column, first row, end row) of each run of ones, cut at the columns' ends. */
  function eachRun(counts, height, visit) {
    let place = 0;
    counts.forEach((count, i) => {
      const stop = place + count;
      if (i % 2) {
        while (place < stop) {
          const col = Math.floor(place / height);
          const end = Math.min(stop, (col + 1) * height);
          visit(col, place - col * height, end - col * height);
          place = end;
        }
      }
      place = stop;
    });
  }

  /** Five bits a character from "0" on, the sixth says "more follows"; from the third on, differences to two before. */
  function packed(counts) {
    const codes = [];
    counts.forEach((count, i) => {
      let rest = i > 2 ? count - counts[i - 2] : count;
      for (let more = true; more;) {
        const low = ((rest % 32) + 32) % 32;
        rest = Math.floor(rest / 32);
        more = low & 16 ? rest !== -1 : rest !== 0;
        codes.push(48 + low + (more ? 32 : 0));
      }
    });
    const parts = [];
    for (let i = 0; i < codes.length; i += 4096) parts.push(String.fromCharCode(...codes.slice(i, i + 4096)));
    return parts.join("");
  }

  function unpacked(text, where) {
    const counts = [];
    for (let i = 0; i < text.length;) {
      let [value, weight, code] = [0, 1, 0];
      do {
        code = text.charCodeAt(i++) - 48;
        if (!(code >= 0 && code < 64) || weight > 2 ** 45) broken(where);
        value += (code & 31) * weight;
        weight *= 32;
      } while (code & 32);
      if (code & 16) value -= weight;
      counts.push(counts.length > 2 ? value + counts.at(-2) : value);
    }
    return counts;
  }

  function broken(where) {
    Cerulean.refuse(`${where} has a run-length code that is damaged; export it again.`);
  }
})();
