"use strict";
/* The edge of a dark patch from its levels: threshold dynamics with a data term.
 *
 * Each pixel votes for slick or sea by how likely its sample is under either level; neighbours vote by their number.
 * Repeated, this shortens the edge where speckle frays it and keeps what the samples insist on (Merriman, Bence and
 * Osher 1992; Esedoglu and Tsai, J. Comput. Phys. 2006). Only pixels near the last changes are asked again.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ROUNDS = 10;
  const WEIGHT = 0.1;
  const STRONGEST = 4;
  const MARGIN = 8;
  const HALF = 3;
  /** Neighbours count by a box of 3 in a box of 5 pixels, nearly a Gaussian of sigma 1.6. */
  const LINE = [1, 2, 3, 3, 3, 2, 1];
  const KERNEL = LINE.flatMap((a) => LINE.map((b) => a * b));
  const WHOLE = 225;

  /**
   * The refined mask (over the patch's box and 8 pixels around) of a flooded patch: only parts that the patch meets.
   * `levels`: {slick, sea, threshold, noise}.
   */
  Cerulean.refinedPatch = (field, patch, levels) => {
    const window = windowAround(field, patch);
    const guess = cut(patch.data, field, window, Uint8Array);
    const values = cut(field.values, field, window, Float32Array);
    const data = Cerulean.refineEdge(values, window.height, window.width, guess, levels);
    const valid = cut(field.valid, field, window, Uint8Array);
    const kept = meeting(data, guess, window).map((value, i) => value & valid[i]);
    return { ...window, row: field.row + window.row, col: field.col + window.col, data: kept };
  };

  /** The pixels of a height x width window that belong to the slick, from a first guess (both Uint8Array). */
  Cerulean.refineEdge = (values, height, width, guess, levels) => {
    const vote = voteOf(levels);
    const state = Uint8Array.from(guess);
    const near = supportOf(state, height, width);
    let asked = null; // null: all
    const queued = new Uint8Array(height * width);
    for (let round = 0; round < ROUNDS; round++) {
      const flips = flipsOf(state, near, values, vote, asked);
      if (!flips.length) break;
      asked = [];
      for (const place of flips) flip(state, near, height, width, place, queued, asked);
      for (const place of asked) queued[place] = 0;
    }
    return state;
  };

  /** The places whose neighbours and sample together say other than their state. */
  function flipsOf(state, near, values, vote, asked) {
    const flips = [];
    const count = asked ? asked.length : state.length;
    const sure = WHOLE * WEIGHT * STRONGEST;
    for (let n = 0; n < count; n++) {
      const place = asked ? asked[n] : n;
      const lean = near[place] - WHOLE / 2;
      const next = lean > sure ? 1 : lean < -sure ? 0 : lean + vote(values[place]) > 0 ? 1 : 0;
      if (next !== state[place]) flips.push(place);
    }
    return flips;
  }

  /** Changes a pixel, tells its neighbours, and has them asked again. */
  function flip(state, near, height, width, place, queued, asked) {
    const sign = state[place] ? -1 : 1;
    state[place] ^= 1;
    const row = (place / width) | 0;
    const col = place - row * width;
    for (let dr = -HALF; dr <= HALF; dr++) {
      const r = row + dr;
      if (r < 0 || r >= height) continue;
      for (let dc = -HALF; dc <= HALF; dc++) {
        const c = col + dc;
        if (c < 0 || c >= width) continue;
        const next = r * width + c;
        near[next] += sign * KERNEL[(dr + HALF) * 7 + dc + HALF];
        if (!queued[next]) {
          queued[next] = 1;
          asked.push(next);
        }
      }
    }
  }

  /** The weighted number of set neighbours of each pixel, itself among them; beyond the edge lies more of the same. */
  function supportOf(state, height, width) {
    const across = new Int16Array(height * width);
    const out = new Int16Array(height * width);
    for (let row = 0; row < height; row++) {
      const [start, end] = [row * width, (row + 1) * width - 1];
      for (let i = start; i <= end; i++) {
        if (!state[i]) continue;
        for (let k = -HALF; k <= HALF; k++) if (i + k >= start && i + k <= end) across[i + k] += LINE[k + HALF];
        if (i === start || i === end) beyond(across, i, i === start ? 1 : -1, start, end);
      }
    }
    for (let row = 0; row < height; row++) {
      for (let k = -HALF; k <= HALF; k++) {
        const from = Math.min(height - 1, Math.max(0, row + k)) * width;
        const weight = LINE[k + HALF];
        for (let c = 0, i = row * width; c < width; c++, i++) out[i] += weight * across[from + c];
      }
    }
    return out;
  }

  /** A set pixel at a row's end stands for those beyond it too. */
  function beyond(across, i, inward, start, end) {
    for (let k = 0; k < HALF; k++) {
      const place = i + inward * k;
      if (place < start || place > end) continue;
      for (let further = HALF + k + 1; further < LINE.length; further++) across[place] += LINE[further];
    }
  }

  /** The log-likelihood ratio of slick over sea of a sample, bounded, times its weight among the neighbours. */
  function voteOf({ slick, sea, threshold, noise }) {
    const slope = (sea - slick) / (noise * noise);
    return (value) => WHOLE * WEIGHT * Math.min(STRONGEST, Math.max(-STRONGEST, slope * (threshold - value)));
  }

  function windowAround(field, { box }) {
    const [row, col] = [Math.max(0, box[0] - MARGIN), Math.max(0, box[1] - MARGIN)];
    const height = Math.min(field.height, box[2] + MARGIN) - row;
    return { row, col, height, width: Math.min(field.width, box[3] + MARGIN) - col };
  }

  function cut(data, field, { row, col, height, width }, Type) {
    const out = new Type(height * width);
    for (let r = 0; r < height; r++) {
      const from = (row + r) * field.width + col;
      out.set(data.subarray(from, from + width), r * width);
    }
    return out;
  }

  /** What hangs together with pixels that the guess has too. */
  function meeting(data, guess, { height, width }) {
    const kept = new Uint8Array(data.length);
    const stack = [];
    for (let start = 0; start < data.length; start++) {
      if (!data[start] || !guess[start] || kept[start]) continue;
      kept[start] = 1;
      stack.push(start);
      while (stack.length) {
        const place = stack.pop();
        const row = (place / width) | 0;
        const col = place - row * width;
        for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
          for (let c = Math.max(0, col - 1); c <= Math.min(width - 1, col + 1); c++) {
            const next = r * width + c;
            if (kept[next] || !data[next]) continue;
            kept[next] = 1;
            stack.push(next);
          }
        }
      }
    }
    return kept;
  }
})();
