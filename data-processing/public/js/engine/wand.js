"use strict";
/* The wand: the dark patch around a click, its levels found by itself, its tolerance changed by dragging.
 *
 * tolerance is where between slick (0) and sea (1) the edge lies, in decibels; a label's edge lies half way.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const HALF_WIDTHS = [96, 256, 512]; // of the window, from the click to each of its four sides
  const LEAST_Z = 6;
  const FLAT = 2;
  const HERE = [3, 12]; // radii around the click that may be dark: a thin slick, a broad one

  /** Where a label's edge lies: half of the slick's damping. */
  Cerulean.DEFAULT_TOLERANCE = 0.5;
  /** Pixels at which a patch stops growing. */
  Cerulean.WAND_CAP = 400000;

  /** The tolerance after dragging that many screen pixels from the click (to the right or up: more). */
  Cerulean.toleranceOfDrag = (pixels, start = Cerulean.DEFAULT_TOLERANCE) =>
    Math.min(1.3, Math.max(0.05, start + pixels / 300));

  /**
   * One click of the wand, kept while it is dragged: levels are those of the default tolerance, so that a larger
   * tolerance does not take a darker sea for granted.
   */
  Cerulean.Wand = class Wand {
    /** `samples`: a window of the scene (1,024 pixels around the click suffice); the click is at [x, y]. */
    constructor(samples, [x, y], { cap = Cerulean.WAND_CAP } = {}) {
      Object.assign(this, { samples, row: Math.floor(y), col: Math.floor(x), cap, stages: [0, 0, 0, 0] });
      this.levels = null;
      this.sea = false; // whether the click is on open water
      this.#open();
      while (this.field && !this.#settle()) {
        this.sea ||= this.#isSea();
        if (this.sea || !this.#widen(this.levels.flat ? null : this.levels.box)) break;
      }
    }

    /**
     * The patch at a tolerance: {mask, size, capped, atEdge, tolerance, levels}. The mask is null where nothing darker
     * lies there; `capped`: it stopped at the cap; `atEdge`: it reaches the edge of the bounded window.
     */
    at(tolerance = Cerulean.DEFAULT_TOLERANCE) {
      const none = { mask: null, size: 0, capped: false, atEdge: false, tolerance, levels: this.levels };
      if (!this.levels) return none;
      let patch = this.#grow(tolerance);
      if (patch.atEdge && this.sea && tolerance <= Cerulean.DEFAULT_TOLERANCE) return none;
      while (patch.atEdge && !patch.capped && this.#widen(patch.box)) patch = this.#grow(tolerance);
      const { slick, sea, noise } = this.levels;
      if (!patch.size || ((sea - slick) * Math.sqrt(patch.size)) / noise < LEAST_Z) return none;
      const threshold = slick + tolerance * (sea - slick);
      const mask = Cerulean.patchMask(this.field, patch, { ...this.levels, threshold });
      const size = Cerulean.maskArea(mask);
      return { ...none, mask, size, capped: patch.capped, atEdge: patch.atEdge };
    }

    #open() {
      const [up, left, down, right] = this.stages.map((stage) => HALF_WIDTHS[stage]);
      const field = Cerulean.logWindow(this.samples, this.row - up, this.col - left, up + down, left + right);
      const [row, col] = [this.row - field.row, this.col - field.col];
      const inside = row >= 0 && col >= 0 && row < field.height && col < field.width;
      this.field = inside && field.valid[row * field.width + col] ? field : null;
      this.seed = row * field.width + col;
    }

    /** Takes in more of the scene on the sides that a box touches (null: on all); false where no side goes further. */
    #widen(box) {
      const { height, width } = this.field;
      const touched = box ? [box[0] === 0, box[1] === 0, box[2] === height, box[3] === width] : [1, 1, 1, 1];
      const before = this.stages;
      this.stages = before.map((stage, side) => (touched[side] ? Math.min(stage + 1, HALF_WIDTHS.length - 1) : stage));
      if (this.stages.every((stage, side) => stage === before[side])) return false;
      this.#open();
      return true;
    }

    /** Finds the levels; false where the patch leaves the window, or fills it so that there is no sea to tell it from. */
    #settle() {
      this.levels = Cerulean.patchLevels(this.field, this.seed, this.cap, this.levels);
      const { slick, sea, boxNoise, atEdge } = this.levels;
      this.levels.flat = sea - slick < FLAT * boxNoise[3];
      return !this.levels.flat && !atEdge;
    }

    /** Whether the click is on open water: no darker than most of the scene around, so that no window shows a slick. */
    #isSea() {
      const { flat, boxNoise } = this.levels;
      if (!flat || this.stages.some((stage) => stage > 0)) return false;
      const most = Cerulean.levelOfMost(this.samples, this.row, this.col, HALF_WIDTHS.at(-1));
      const here = Math.min(...HERE.map((radius) => Cerulean.meanAt(this.field, this.seed, radius)));
      return most !== null && most - here < FLAT * boxNoise[3];
    }

    #grow(tolerance) {
      const { slick, sea, radius } = this.levels;
      const threshold = slick + tolerance * (sea - slick);
      const linked = tolerance <= Cerulean.DEFAULT_TOLERANCE + 1e-9;
      const patch = Cerulean.growPatch(this.field, this.seed, radius, threshold, this.cap);
      if (linked && patch.size && !patch.capped) Cerulean.linkParts(this.field, patch, this.levels);
      return patch;
    }
  };

  let last = null;

  /** A click of the wand at [x, y] with a tolerance (null: the default): as Wand.at; a drag is one Wand. */
  Cerulean.wand = (samples, [x, y], { tolerance = null, cap = Cerulean.WAND_CAP } = {}) => {
    const same = last && last.samples === samples && last.x === x && last.y === y && last.cap === cap;
    if (!same) last = { samples, x, y, cap, wand: new Cerulean.Wand(samples, [x, y], { cap }) };
    return last.wand.at(tolerance ?? Cerulean.DEFAULT_TOLERANCE);
  };
})();
