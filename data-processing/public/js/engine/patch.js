"use strict";
/* A dark patch: the levels of slick and sea around a click, the flood between them, and its mask. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const RADII = [1, 2, 3];
  const SURE = 4;
  const ROUNDS = 5;
  const SEED_REACH = 3;
  const LEAST_DROP = 0.05;
  const RING = { near: 3, far: 14, box: 20 };
  const EACH = 3;
  const MOST_COUNTED = 20000;

  /**
   * {slick, sea, noise, radius, atEdge, box, …}: the levels (natural logarithms of amplitude) inside a patch and around it,
   * the deviation of a pixel, and the radius of the box mean that tells them apart: 3 (7 x 7), less where the contrast
   * allows, since a box wider than the slick hides it. They are estimated and the patch is grown in turns.
   */
  Cerulean.patchLevels = (field, seed, cap, start = null) => {
    const levels = start ? { ...start } : noiseLevels(field);
    if (!start || start.flat) Object.assign(levels, firstLevels(field, seed));
    for (let round = 0; round < (!start ? ROUNDS : start.flat ? 2 : 1); round++) {
      const drop = Math.max(levels.sea - levels.slick, LEAST_DROP);
      levels.radius = RADII.find((radius) => levels.boxNoise[radius] <= drop / SURE) ?? RADII.at(-1);
      const threshold = levels.slick + Cerulean.DEFAULT_TOLERANCE * drop;
      const patch = Cerulean.growPatch(field, seed, levels.radius, threshold, cap);
      levels.atEdge = patch.atEdge && !patch.capped;
      levels.box = patch.box;
      const around = patch.size ? levelsAround(field, patch) : null;
      if (!around) break;
      const moved = Math.abs(around.sea - levels.sea) + Math.abs(around.slick - levels.slick);
      Object.assign(levels, around);
      if (moved < 0.01) break;
    }
    return levels;
  };

  /** The pixels that hang together with the click (or the darkest place beside it) below a threshold: see flood. */
  Cerulean.growPatch = (field, seed, radius, threshold, cap) => {
    const means = boxes(field, radius);
    const patch = Cerulean.flood(means, field.height, field.width, darkest(field, means, seed), threshold, cap);
    return { ...patch, radius, threshold };
  };

  /** The patch's refined mask, cropped; the flood itself where refining leaves nothing. */
  Cerulean.patchMask = (field, patch, levels) => {
    const { row, col, height, width } = field;
    const refined = Cerulean.cropMask(Cerulean.refinedPatch(field, patch, levels));
    return refined ?? Cerulean.cropMask({ row, col, height, width, data: patch.data });
  };

  /** Box means of a field, kept with it. */
  function boxes(field, radius) {
    field.boxes ??= new Map();
    if (!field.boxes.has(radius)) {
      field.boxes.set(radius, Cerulean.boxMean(field.values, field.height, field.width, radius));
    }
    return field.boxes.get(radius);
  }

  /** Levels to begin with: the click's own, and what most of the window is brighter or darker than. */
  function firstLevels(field, seed) {
    const means = boxes(field, 3);
    const some = [];
    const step = 2 * Math.ceil(means.length / (2 * MOST_COUNTED)) + 1; // odd, to meet all columns of even widths
    for (let i = 0; i < means.length; i += step) if (field.valid[i]) some.push(means[i]);
    const sea = Cerulean.quantile(some, 0.6, () => true) ?? means[seed];
    return { sea, slick: Math.min(Cerulean.meanAt(field, seed, 1), Cerulean.meanAt(field, seed, 2)) };
  }

  /** The mean of a field over (2 radius + 1)^2 pixels around a place, as far as they lie inside. */
  Cerulean.meanAt = ({ height, width, values }, place, radius) => {
    const [row, col] = [Math.floor(place / width), place % width];
    let [sum, count] = [0, 0];
    for (let r = Math.max(0, row - radius); r <= Math.min(height - 1, row + radius); r++) {
      for (let c = Math.max(0, col - radius); c <= Math.min(width - 1, col + radius); c++) {
        sum += values[r * width + c];
        count++;
      }
    }
    return sum / count;
  };

  function noiseLevels(field) {
    const { valid } = field;
    const noise = Math.max(1e-3, noiseOf(field.values, 3, valid));
    const boxNoise = {};
    for (const radius of RADII) boxNoise[radius] = noiseOf(boxes(field, radius), 2 * radius + 2, valid);
    return { noise, boxNoise, radius: 3, atEdge: false, flat: false };
  }

  /** The deviation of values from their neighbours `apart` pixels on, robust against slicks and ships. */
  function noiseOf(values, apart, valid) {
    const differences = new Float32Array(Math.ceil(values.length / EACH));
    let count = 0;
    for (let i = 0; i + apart < values.length; i += EACH) {
      if (valid[i] && valid[i + apart]) differences[count++] = Math.abs(values[i] - values[i + apart]);
    }
    return ((Cerulean.median(differences.subarray(0, count), () => true) ?? 0) * 1.4826) / Math.SQRT2;
  }

  /** The place of the darkest box mean beside a click. */
  function darkest(field, means, seed) {
    const row = Math.floor(seed / field.width);
    const col = seed - row * field.width;
    let best = seed;
    for (let r = Math.max(0, row - SEED_REACH); r <= Math.min(field.height - 1, row + SEED_REACH); r++) {
      for (let c = Math.max(0, col - SEED_REACH); c <= Math.min(field.width - 1, col + SEED_REACH); c++) {
        if (means[r * field.width + c] < means[best]) best = r * field.width + c;
      }
    }
    return best;
  }

  /** {slick, sea}: medians inside a patch (off its rim) and in a ring around it; null where there is no ring. */
  function levelsAround(field, patch) {
    const cut = thinned(field, patch);
    const { height, width, step, values, valid, inside } = cut;
    const share = (radius) => Cerulean.boxMean(inside, height, width, Math.max(1, Math.round(radius / step)));
    const [near, far, core] = [share(RING.near), share(RING.far), share(1)];
    const sea = Cerulean.median(values, (i) => valid[i] !== 0 && near[i] < 1e-6 && far[i] > 1e-6);
    const small = patch.size < 30;
    const slick = Cerulean.median(values, (i) => inside[i] > 0 && (small || core[i] > 0.7))
      ?? Cerulean.median(values, (i) => inside[i] > 0);
    return sea === null ? null : { sea, slick: Math.min(slick, sea - LEAST_DROP) };
  }

  /** Every `step`th pixel around a patch, so that large patches cost no more than small ones. */
  function thinned(field, patch) {
    const [top, left] = [Math.max(0, patch.box[0] - RING.box), Math.max(0, patch.box[1] - RING.box)];
    const bottom = Math.min(field.height, patch.box[2] + RING.box);
    const right = Math.min(field.width, patch.box[3] + RING.box);
    const step = Math.max(1, Math.ceil(Math.sqrt(((bottom - top) * (right - left)) / MOST_COUNTED)));
    const [height, width] = [Math.ceil((bottom - top) / step), Math.ceil((right - left) / step)];
    const cut = { height, width, step, values: new Float32Array(height * width) };
    Object.assign(cut, { valid: new Uint8Array(height * width), inside: new Float32Array(height * width) });
    for (let r = 0, i = 0; r < height; r++) {
      for (let c = 0, from = (top + r * step) * field.width + left; c < width; c++, i++, from += step) {
        cut.values[i] = field.values[from];
        cut.valid[i] = field.valid[from];
        cut.inside[i] = patch.data[from];
      }
    }
    return cut;
  }
})();
