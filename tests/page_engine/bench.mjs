// How long the engine takes on a scene of 5,048 x 7,416 pixels with 200 slicks: node tests/page_engine/bench.mjs
import { Cerulean, classes, randomOf, sceneOf } from "./engine.mjs";

const [HEIGHT, WIDTH, COUNT] = [5048, 7416, 200];
const scene = { ...sceneOf(HEIGHT, WIDTH), transform: [3.6e-4, 0, -76.2, 0, -3.6e-4, 36.8] };
const random = randomOf(1);

/** A crooked stroke of some hundred pixels with a ragged edge. */
function slick() {
  let [x, y, angle] = [random() * WIDTH, random() * HEIGHT, random() * 6.3];
  const points = Array.from({ length: 40 }, () => {
    angle += (random() - 0.5) * 0.6;
    x += 12 * Math.cos(angle);
    y += 12 * Math.sin(angle);
    return [x, y];
  });
  const mask = Cerulean.brushMask(points, 3 + random() * 9);
  for (let i = 0; i < mask.data.length; i++) if (random() < 0.02) mask.data[i] = 0;
  return mask;
}

function timed(name, run, rounds = 9) {
  const times = Array.from({ length: rounds }, (_, i) => {
    const start = performance.now();
    run(i);
    return performance.now() - start;
  }).sort((a, b) => a - b);
  console.log(`${name}: median ${times[rounds >> 1].toFixed(1)} ms, least ${times[0].toFixed(1)}, most ${times.at(-1).toFixed(1)}`);
}

const editor = new Cerulean.Editor(new Cerulean.LabelMap(HEIGHT, WIDTH), { sceneId: "scene-1", annotator: "ann" });
const { map } = editor;
timed("new slick", () => editor.paint(null, slick(), { classId: 1 + Math.floor(random() * 6) }), COUNT);
const ids = [...map.instances.keys()];
const total = ids.reduce((sum, id) => sum + map.instances.get(id).area, 0);
console.log(`${ids.length} slicks, ${total} pixels, ${map.tiles.size} tiles`);

const brushed = ids.pop();
timed("brush dab, radius 20", (i) => editor.paint(brushed, Cerulean.brushMask([[3000 + 9 * i, 2500]], 20)), 60);
timed("undo", () => editor.undo(), 60);
timed("redo", () => editor.redo(), 60);
const all = { row: 0, col: 0, height: HEIGHT, width: WIDTH };
timed("edges of the whole scene, first", () => Cerulean.edges(map, all), 1);
timed("edges of the whole scene, again", () => Cerulean.edges(map, all));
const view = { row: 2000, col: 2500, height: 1000, width: 1600 };
timed("edges of a view after a dab in it", (i) => {
  editor.paint(brushed, Cerulean.brushMask([[3000 + 9 * i, 2700]], 20));
  Cerulean.edges(map, view);
});
timed("rings of a slick", (i) => Cerulean.outline(map, ids[i]));
timed("measures of a slick", (i) => Cerulean.measure(map, ids[i], scene));
let written = null;
timed("GeoJSON of all", () => { written = Cerulean.toGeoJson(map, scene, classes); }, 5);
const text = JSON.stringify(written);
timed(`GeoJSON in, ${(text.length / 1e6).toFixed(1)} MB`, () => Cerulean.fromGeoJson(text, scene, classes), 3);
timed("COCO of all", () => Cerulean.toCoco(map, scene, classes), 3);
let state = null;
timed("snapshot", () => { state = Cerulean.snapshot(editor); });
timed("restore", () => Cerulean.restore(state, [], { height: HEIGHT, width: WIDTH }), 3);
timed("smooth a slick", (i) => editor.smooth(ids[20 + i], 3));
timed("fill a slick's holes", (i) => editor.fillHoles(ids[40 + i]));
timed("split a slick", (i) => editor.split(ids[60 + i]));
const start = performance.now();
let [layers, count] = [0, 0];
for await (const { bytes } of Cerulean.toLayers(map, scene, classes)) {
  layers += bytes.length;
  count++;
  if (performance.now() - start > 3000) break;
}
console.log(`${count} layers: ${(layers / 1e6).toFixed(2)} MB in ${((performance.now() - start) / 1000).toFixed(1)} s`);
