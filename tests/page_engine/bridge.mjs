// The engine for Python's tests: reads a list of [task, arguments] from stdin and writes the list of results.
import fs from "node:fs";

import { Cerulean, classes, sceneOf } from "./engine.mjs";

/** A map of ids given row by row, classes by turns. */
function mapOf({ height, width, ids }) {
  const about = { sceneId: "scene-1", annotator: "ann", now: () => "2026-11-21T20:15:03Z" };
  const editor = new Cerulean.Editor(new Cerulean.LabelMap(height, width), about);
  for (const id of [...new Set(ids)].filter(Boolean).sort((a, b) => a - b)) {
    const data = Uint8Array.from(ids, (value) => (value === id ? 1 : 0));
    editor.paint(null, { row: 0, col: 0, height, width, data }, { classId: 1 + ((id - 1) % 6) });
  }
  return editor.map;
}

const idsOf = (map) => [...map.read({ row: 0, col: 0, height: map.height, width: map.width })];

function loaded(imported, height, width) {
  const editor = new Cerulean.Editor(new Cerulean.LabelMap(height, width), { sceneId: "scene-1" });
  const { notes } = editor.load(imported);
  return { ids: idsOf(editor.map), notes };
}

const sceneFor = ({ height, width, transform }) => ({ ...sceneOf(height, width), ...(transform ? { transform } : {}) });

/** A window of samples of 8 bits, or of 16 where it says so. */
function samplesOf({ bytes, bits = 8, ...window }) {
  const read = Uint8Array.from(Buffer.from(bytes, "base64"));
  return { ...window, data: bits === 16 ? new Uint16Array(read.buffer) : read, nodata: 0 };
}

const tasks = {
  encode: ({ height, width, ids }) => Cerulean.rleEncode({ row: 0, col: 0, height, width, data: Uint8Array.from(ids) }, height, width),
  decode: ({ rle }) => {
    const mask = Cerulean.rleDecode(rle);
    return mask && { ...mask, data: [...mask.data] };
  },
  exported: (given) => Cerulean.toGeoJson(mapOf(given), sceneFor(given), classes, { complete: true, annotator: "ann" }),
  coco: (given) => Cerulean.toCoco(mapOf(given), sceneFor(given), classes),
  imported: (given) => loaded(Cerulean.fromGeoJson(given.collection, sceneFor(given), classes), given.height, given.width),
  measured: (given) => {
    const map = mapOf(given);
    return [...map.instances.keys()].map((id) => Cerulean.measure(map, id, sceneFor(given)));
  },
  layers: async (given) => {
    const found = [];
    for await (const { name, bytes } of Cerulean.toLayers(mapOf(given), sceneFor(given), classes)) {
      found.push([name, Buffer.from(bytes).toString("base64")]);
    }
    return found;
  },
  png: async ({ bytes }) => {
    const image = await Cerulean.decodePng(new Uint8Array(Buffer.from(bytes, "base64")));
    return { ...image, data: [...image.data] };
  },
  wand: ({ samples, clicks, tolerance }) => {
    const given = samplesOf(samples);
    return clicks.map((click) => {
      const { mask } = Cerulean.wand(given, click, { tolerance });
      return mask && { ...mask, data: [...mask.data] };
    });
  },
  follow: ({ samples, drag, reach }) => {
    const { mask } = Cerulean.follow(samplesOf(samples), drag, { reach });
    return { ...mask, data: [...mask.data] };
  },
};

const results = [];
for (const [task, given] of JSON.parse(fs.readFileSync(0, "utf8"))) results.push(await tasks[task](given));
process.stdout.write(JSON.stringify(results));
