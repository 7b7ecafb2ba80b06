// Run-length codes and PNG: decode(encode(x)) is x, and damage is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import zlib from "node:zlib";

import { blob, Cerulean, classes, drawn, editorOf, pixels, randomOf, refused, sceneOf, shown } from "./engine.mjs";

test("a run-length code by hand: down the columns, zeros first", () => {
  const mask = drawn("#.\n##\n.#");
  assert.deepEqual(Cerulean.rleEncode(mask, 3, 2), { size: [3, 2], counts: "0220" }); // 0, 2, 2, and 0 more than two before
  assert.equal(shown(Cerulean.rleDecode({ size: [3, 2], counts: [0, 2, 2, 2] }), mask), "#.\n##\n.#");
  assert.equal(Cerulean.rleDecode(Cerulean.rleEncode(null, 3, 2)), null);
});

test("run-length codes come back as they were, whatever leaves the scene aside", () => {
  const random = randomOf(7);
  for (let round = 0; round < 40; round++) {
    const mask = blob(random, 1 + Math.floor(random() * 50), 1 + Math.floor(random() * 50), Math.floor(random() * 60) - 20, Math.floor(random() * 60) - 20);
    const [height, width] = [40 + Math.floor(random() * 2000), 40 + Math.floor(random() * 30)];
    const window = { row: 0, col: 0, height: 90, width: 90 };
    const inside = Cerulean.clipMask(mask, height, width);
    assert.equal(shown(Cerulean.rleDecode(Cerulean.rleEncode(mask, height, width)), window), shown(inside, window));
  }
});

const damaged = [
  [{ counts: "0222" }, /no size/],
  [{ size: [3, -2], counts: "0222" }, /no size/],
  [{ size: [3, 2], counts: "022" }, /damaged/],
  [{ size: [3, 2], counts: "02\u00e92" }, /damaged/],
  [{ size: [3, 2], counts: "oooooooooooooooo" }, /damaged/],
  [{ size: [3, 2], counts: [3, -1, 4] }, /damaged/],
  [{ size: [3, 2], counts: [1e300, 1] }, /damaged/],
  [{ size: [3, 2], counts: { length: 1e9 } }, /too long/],
  [{ size: [3, 2], counts: { 0: 6 } }, /damaged/],
  [{ size: [2e9, 2e9], counts: [1, 4e18] }, /no size/],
  [null, /no size/],
];

damaged.forEach(([rle, words], i) => {
  test(`damaged run-length code ${i + 1} is refused: ${words}`, () => refused(() => Cerulean.rleDecode(rle), words));
});

test("a code of another size than the scene is refused", () => {
  refused(() => Cerulean.rleDecode({ size: [3, 2], counts: "0222" }, "Annotation 1", [3, 3]), /is 3 x 2 pixels/);
});

for (const [channels, bits] of [[1, 8], [1, 16], [2, 8], [3, 8], [4, 8], [4, 16]]) {
  test(`PNG of ${channels} channels and ${bits} bits comes back as it was`, async () => {
    const random = randomOf(channels * bits);
    const [height, width] = [37, 53];
    const samples = Array.from({ length: height * width * channels }, () => Math.floor(random() * 2 ** bits));
    const line = width * channels;
    const row = (r) => {
      const part = samples.slice(r * line, (r + 1) * line);
      return Uint8Array.from(bits === 16 ? part.flatMap((value) => [value >> 8, value & 255]) : part);
    };
    const image = await Cerulean.decodePng(await Cerulean.encodePng({ height, width, channels, bits, row }));
    assert.deepEqual([image.height, image.width, image.channels, image.bits], [height, width, channels, bits]);
    assert.deepEqual([...image.data], samples);
  });
}

/** A PNG from its raw, filtered rows. */
function png(width, height, bits, colour, raw, more = []) {
  const chunk = (kind, body) => {
    const head = Buffer.from([0, 0, 0, 0, ...Buffer.from(kind)]);
    head.writeUInt32BE(body.length);
    return Buffer.concat([head, body, Buffer.alloc(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([bits, colour], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", head), ...more.map(([kind, body]) => chunk(kind, Buffer.from(body))), chunk("IDAT", zlib.deflateSync(Buffer.from(raw))), chunk("IEND", Buffer.alloc(0))]);
}

test("each of the five row filters is undone", async () => {
  const raw = [0, 10, 20, 30, 1, 5, 1, 1, 2, 1, 1, 1, 3, 4, 4, 4, 4, 1, 2, 3];
  const { data } = await Cerulean.decodePng(png(3, 5, 8, 0, raw));
  assert.deepEqual([...data], [10, 20, 30, 5, 6, 7, 6, 7, 8, 7, 11, 13, 8, 13, 16]);
});

test("palettes and samples of less than 8 bits are widened", async () => {
  const palette = [["PLTE", [255, 0, 255, 0, 0, 255]], ["tRNS", [0, 255]]];
  const coloured = await Cerulean.decodePng(png(3, 1, 1, 3, [0, 0b01000000], palette));
  assert.deepEqual([...coloured.data], [255, 0, 255, 0, 0, 0, 255, 255, 255, 0, 255, 0]);
  const gray = await Cerulean.decodePng(png(4, 1, 2, 0, [0, 0b00011011]));
  assert.deepEqual([...gray.data], [0, 85, 170, 255]);
});

test("what is no PNG, cut short or a bomb is refused", async () => {
  const good = png(3, 5, 8, 0, [0, 10, 20, 30, 1, 5, 1, 1, 2, 1, 1, 1, 3, 4, 4, 4, 4, 1, 2, 3]);
  const refusals = [Buffer.from("GIF89a"), good.subarray(0, 40), png(3, 500, 8, 0, Buffer.alloc(20)), png(0, 5, 8, 0, []), png(3, 1, 8, 0, [9, 1, 1, 1]), png(3, 1, 8, 3, [0, 1, 1, 1])];
  for (const bytes of refusals) await assert.rejects(Cerulean.decodePng(bytes), { name: "InputError" });
  const bomb = png(3, 1, 8, 0, Buffer.alloc(20_000_000)); // far more than its header says: the rest is not inflated
  assert.deepEqual([...(await Cerulean.decodePng(bomb)).data], [0, 0, 0]);
});

for (const rgba of [false, true]) {
  test(`layers come back pixel by pixel, with the class of their colour (${rgba ? "RGBA" : "palette"})`, async () => {
    const random = randomOf(9);
    const editor = editorOf(70, 90);
    for (const classId of [2, 5, 5]) editor.paint(null, blob(random, 20, 25, Math.floor(random() * 50), Math.floor(random() * 60)), { classId });
    const scene = sceneOf(70, 90);
    const again = editorOf(70, 90);
    const names = [];
    for await (const { name, bytes } of Cerulean.toLayers(editor.map, scene, classes, { rgba })) {
      names.push(name);
      again.load(await Cerulean.fromLayer(bytes, name, scene, classes));
    }
    assert.deepEqual(names, ["natural_seep_1.png", "old_vessel_1.png", "old_vessel_2.png"]);
    assert.deepEqual(pixels(again.map), pixels(editor.map));
    assert.deepEqual([...again.map.instances.values()].map(({ classId }) => classId), [2, 5, 5]);
  });
}

test("layers of another size, colour or name are refused, empty ones noted", async () => {
  const layer = (rows, colour) => {
    const row = (r) => Uint8Array.from([...rows[r]].flatMap((sign) => (sign === "#" ? [...colour, 255] : [...colour, 100])));
    return Cerulean.encodePng({ height: rows.length, width: rows[0].length, channels: 4, bits: 8, row });
  };
  const scene = sceneOf(2, 3);
  const seep = await layer(["##.", "..."], [0, 255, 0]);
  const read = async (bytes, name) => Cerulean.fromLayer(bytes, name, scene, classes);
  const [one] = (await read(seep, "x/natural_seep_3.png")).instances;
  assert.deepEqual([one.classId, one.slickId, [...one.runs]], [2, "scene-1/natural_seep_3", [0, 0, 2]]);
  await assert.rejects(read(seep, "old_vessel.png"), /is named old_vessel but has the colour of natural_seep/);
  await assert.rejects(read(seep, "<b>.png"), /an id is plain text/);
  await assert.rejects(read(await layer(["##.", "..."], [9, 99, 199]), "a.png"), /colour of no slick class/);
  await assert.rejects(Cerulean.fromLayer(seep, "a.png", sceneOf(3, 3), classes), /is 2 x 3 pixels/);
  const { instances, notes } = await read(await layer(["...", "..."], [0, 255, 0]), "a.png");
  assert.deepEqual([instances.length, notes.length], [0, 1]);
});
