"use strict";
/* Parts of one slick: dark patches that lie in its reach and are as dark as it is, taken with it. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ROUNDS = 5;
  const REACH = { share: 0.15, least: 4, most: 24 };
  const SURE = 12;
  const DARK = 0.6;
  const MOST_PIXELS = 150000;

  /**
   * Adds to a patch (in place) the parts below its threshold that lie within 15 % of its length (4 to 24 pixels), are
   * smaller than one and a half times itself, and dark beyond doubt: at least 0.6 of its own drop below the sea, and
   * twelve deviations of speckle.
   */
  Cerulean.linkParts = (field, patch, levels) => {
    for (let round = 0; round < ROUNDS; round++) {
      const window = windowAround(field, patch);
      if (window.height * window.width > MOST_PIXELS) return;
      if (!linkOnce(field, patch, levels, window)) return;
    }
  };

  function windowAround(field, patch) {
    const [top, left, bottom, right] = patch.box;
    const long = Math.max(bottom - top, right - left);
    const reach = Math.round(Math.min(REACH.most, Math.max(REACH.least, REACH.share * long)));
    const margin = 2 * reach + 30;
    const [row, col] = [Math.max(0, top - margin), Math.max(0, left - margin)];
    const height = Math.min(field.height, bottom + margin) - row;
    return { row, col, height, width: Math.min(field.width, right + margin) - col, reach };
  }

  /** Takes all parts that fit; false where there are none. */
  function linkOnce(field, patch, { slick, sea, noise }, window) {
    const { height, width } = window;
    const means = field.boxes.get(patch.radius);
    const dark = new Uint8Array(height * width);
    const taken = new Float32Array(height * width);
    for (let r = 0, i = 0; r < height; r++) {
      for (let c = 0, place = (window.row + r) * field.width + window.col; c < width; c++, i++, place++) {
        taken[i] = patch.data[place];
        dark[i] = means[place] < patch.threshold && !patch.data[place] ? 1 : 0;
      }
    }
    const near = Cerulean.boxMean(taken, height, width, window.reach);
    const { labels, sizes } = Cerulean.labelParts({ height, width, data: dark }, 8);
    const sums = new Float64Array(sizes.length);
    const inReach = new Uint8Array(sizes.length);
    for (let r = 0, i = 0; r < height; r++) {
      for (let c = 0, place = (window.row + r) * field.width + window.col; c < width; c++, i++, place++) {
        if (!labels[i]) continue;
        sums[labels[i]] += field.values[place];
        if (near[i] > 1e-6) inReach[labels[i]] = 1;
      }
    }
    const fits = sizes.map((size, label) => {
      const drop = sea - sums[label] / size;
      const sure = (drop * Math.sqrt(size)) / noise > SURE && drop > DARK * (sea - slick);
      return label > 0 && inReach[label] > 0 && size < 1.5 * patch.size && sure;
    });
    if (!fits.includes(true)) return false;
    for (let i = 0; i < labels.length; i++) {
      if (fits[labels[i]]) addPixel(field, patch, window.row + Math.floor(i / width), window.col + (i % width));
    }
    return true;
  }

  function addPixel(field, patch, row, col) {
    const { box } = patch;
    patch.data[row * field.width + col] = 1;
    patch.size++;
    patch.box = [Math.min(box[0], row), Math.min(box[1], col), Math.max(box[2], row + 1), Math.max(box[3], col + 1)];
  }
})();
