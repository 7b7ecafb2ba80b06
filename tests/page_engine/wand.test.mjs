// The wand and the wand along, on seas made here: speckle of a seed, a slick of known pixels.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Cerulean, randomOf } from "./engine.mjs";

/** Samples of a sea of `level` with speckle of that deviation, darker by `ratio` where `slick(row, col)`. */
function seaOf(height, width, slick, { ratio = 0.5, level = 60, deviation = 0.14, seed = 1 } = {}) {
  const random = randomOf(seed);
  const bell = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const data = Uint8Array.from({ length: height * width }, (_, i) => {
    const amplitude = level * (slick(Math.floor(i / width), i % width) ? ratio : 1) * (1 + deviation * bell());
    return Math.min(255, Math.max(1, Math.round(amplitude)));
  });
  return { row: 100, col: 200, height, width, data, nodata: 0 };
}

/** Intersection over union of a mask with what `slick` says. */
function agreement(mask, samples, slick) {
  let [both, either] = [0, 0];
  for (let r = 0; r < samples.height; r++) {
    for (let c = 0; c < samples.width; c++) {
      const [mr, mc] = [r + samples.row - mask.row, c + samples.col - mask.col];
      const set = mr >= 0 && mc >= 0 && mr < mask.height && mc < mask.width && mask.data[mr * mask.width + mc] === 1;
      both += set && slick(r, c) ? 1 : 0;
      either += set || slick(r, c) ? 1 : 0;
    }
  }
  return both / either;
}

const disc = (r, c) => (r - 90) ** 2 + (c - 120) ** 2 < 30 ** 2;
const crescent = (r, c) => disc(r, c) && (r - 70) ** 2 + (c - 100) ** 2 > 26 ** 2;

for (const [name, slick, click] of [["a disc", disc, [320.5, 190.5]], ["a crescent", crescent, [338.5, 195.5]]]) {
  for (const ratio of [0.4, 0.5, 0.62]) {
    test(`one click takes ${name} at ${ratio} of the sea's amplitude, IoU 0.95 or more`, () => {
      const samples = seaOf(200, 240, slick, { ratio });
      const { mask, size, capped, atEdge } = Cerulean.wand(samples, click);
      const iou = agreement(mask, samples, slick);
      assert.ok(iou >= 0.95, `IoU ${iou}`);
      assert.deepEqual([size, capped, atEdge], [Cerulean.maskArea(mask), false, false]);
    });
  }
}

test("the same click on 16 bits and on decimal samples takes the same pixels", () => {
  const samples = seaOf(200, 240, disc);
  const wide = { ...samples, data: Uint16Array.from(samples.data, (value) => value * 20) };
  const real = { ...samples, data: Float32Array.from(samples.data) };
  const first = Cerulean.wand(samples, [320.5, 190.5]).mask;
  assert.deepEqual(Cerulean.wand(real, [320.5, 190.5]).mask, first);
  const iou = agreement(Cerulean.wand(wide, [320.5, 190.5]).mask, samples, disc);
  assert.ok(Math.abs(iou - agreement(first, samples, disc)) < 0.01);
});

test("a larger tolerance takes no less, and the drag that sets it stays within bounds", () => {
  const samples = seaOf(200, 240, crescent, { ratio: 0.6 });
  const wand = new Cerulean.Wand(samples, [338.5, 195.5]);
  const sizes = [-400, -60, 0, 40, 400].map((pixels) => wand.at(Cerulean.toleranceOfDrag(pixels)).size);
  for (let i = 1; i < sizes.length; i++) assert.ok(sizes[i] >= sizes[i - 1], sizes.join(" "));
  assert.equal(Cerulean.toleranceOfDrag(0), Cerulean.DEFAULT_TOLERANCE);
});

test("on open sea, on no data and off the samples the wand takes nothing", () => {
  const samples = seaOf(120, 120, () => false);
  samples.data.fill(0, 0, 120 * 20);
  for (const point of [[260.5, 160.5], [210.5, 105.5], [20.5, 20.5]]) {
    assert.equal(Cerulean.wand(samples, point).mask, null);
  }
});

test("no data is never taken", () => {
  const samples = seaOf(200, 240, disc);
  for (let r = 0; r < 200; r++) samples.data.fill(0, r * 240 + 125, r * 240 + 240);
  const { mask } = Cerulean.wand(samples, [310.5, 190.5]);
  const half = (r, c) => disc(r, c) && c < 125;
  assert.ok(agreement(mask, samples, half) >= 0.95);
  for (let r = 0; r < mask.height; r++) {
    for (let c = 0; c < mask.width; c++) if (mask.data[r * mask.width + c]) assert.ok(mask.col + c - 200 < 125);
  }
});

test("growth stops at the cap and says so", () => {
  const samples = seaOf(200, 240, disc);
  const { capped, size } = new Cerulean.Wand(samples, [320.5, 190.5], { cap: 500 }).at();
  assert.equal(capped, true);
  assert.ok(size < 1500);
});

const bend = (c) => 60 + 25 * Math.sin(c / 30) + (c > 120 ? 8 : 0);
const streak = (r, c) => c >= 10 && c < 230 && Math.abs(r + 0.5 - bend(c)) < 1.3;
const lookAlike = (r, c) => r > 95 - c / 6; // a dark water that the streak crosses

function both(samples, mask) {
  const near = (has, r, c) => [-1, 0, 1].some((dr) => [-1, 0, 1].some((dc) => has(r + dr, c + dc)));
  const taken = (r, c) => {
    const [mr, mc] = [r + samples.row - mask.row, c + samples.col - mask.col];
    return mr >= 0 && mc >= 0 && mr < mask.height && mc < mask.width && mask.data[mr * mask.width + mc] === 1;
  };
  const tally = [0, 0, 0, 0];
  for (let r = 0; r < samples.height; r++) {
    for (let c = 0; c < samples.width; c++) {
      if (taken(r, c)) tally[near(streak, r, c) ? 0 : 1]++;
      if (streak(r, c)) tally[near(taken, r, c) ? 2 : 3]++;
    }
  }
  return [tally[0] / (tally[0] + tally[1]), tally[2] / (tally[2] + tally[3])];
}

test("a drag along a thin, crooked slick follows it, across dark water and off the hand's way", () => {
  for (const seed of [1, 2, 3]) {
    const samples = seaOf(130, 240, streak, { ratio: 0.5, seed });
    samples.data.forEach((value, i) => {
      if (lookAlike(Math.floor(i / 240), i % 240)) samples.data[i] = Math.max(1, Math.round(value * 0.62));
    });
    const random = randomOf(seed);
    const drag = Array.from({ length: 23 }, (_, k) => [210 + 10 * k + 0.5, 100 + bend(10 + 10 * k) + 6 * (random() - 0.5)]);
    const { mask, path, size } = Cerulean.follow(samples, drag);
    const [precision, recall] = both(samples, mask);
    assert.ok(precision >= 0.9 && recall >= 0.9, `precision ${precision}, recall ${recall}`);
    assert.equal(size, Cerulean.maskArea(mask));
    for (let i = 1; i < path.length; i++) assert.ok(Math.max(Math.abs(path[i][0] - path[i - 1][0]), Math.abs(path[i][1] - path[i - 1][1])) === 1);
  }
});

test("a drag over no data takes none of it", () => {
  const samples = seaOf(130, 240, streak);
  for (let r = 0; r < 130; r++) samples.data.fill(0, r * 240 + 100, r * 240 + 120);
  const drag = Array.from({ length: 12 }, (_, k) => [260 + 10 * k + 0.5, 100 + bend(60 + 10 * k)]);
  const { mask } = Cerulean.follow(samples, drag);
  const cols = [...mask.data].flatMap((value, i) => (value ? [mask.col + (i % mask.width) - 200] : []));
  assert.ok(cols.length > 100 && cols.every((col) => col < 100 || col >= 120));
});

test("a point, and a drag off the samples, follow nothing", () => {
  const samples = seaOf(130, 240, streak);
  const follower = new Cerulean.Follower(samples);
  for (const drag of [[], [[230, 150]], [[10, 10], [30, 30]]]) assert.deepEqual(follower.to(drag), { path: [], mask: null, size: 0 });
});

test("a slick wider than the first windows is taken whole", () => {
  const wide = (r, c) => (r - 400) ** 2 + (c - 400) ** 2 < 220 ** 2;
  const samples = seaOf(800, 800, wide, { ratio: 0.6 });
  const { mask, capped } = Cerulean.wand(samples, [600.5, 500.5]);
  assert.equal(capped, false);
  assert.ok(agreement(mask, samples, wide) >= 0.98);
});
