"use strict";
// Plain pictures as scenes: gray PNG of 8 or 16 bits exactly, other kinds by their brightness. No georeference.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const TILE = 512;

  async function samplesOf(file) {
    const bytes = await Cerulean.readBytes(file);
    if (/\.png$/i.test(file.name)) {
      const { height, width, channels, bits, data } = await Cerulean.decodePng(bytes);
      return { height, width, bits, data: channels === 1 ? data : firstChannel(data, channels) };
    }
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return { height, width, bits: 8, data: firstChannel(context.getImageData(0, 0, width, height).data, 4) };
  }

  function firstChannel(data, channels) {
    const gray = new data.constructor(data.length / channels);
    for (let index = 0; index < gray.length; index++) gray[index] = data[index * channels];
    return gray instanceof Uint8ClampedArray ? new Uint8Array(gray.buffer) : gray;
  }

  // Block means of 2 x 2; a last odd row or column counts alone.
  function halved({ height, width, data, bits }) {
    const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)];
    const half = new data.constructor(rows * columns);
    for (let row = 0; row < rows; row++) {
      const [top, low] = [2 * row * width, Math.min(2 * row + 1, height - 1) * width];
      for (let column = 0; column < columns; column++) {
        const [left, right] = [2 * column, Math.min(2 * column + 1, width - 1)];
        half[row * columns + column] =
          (data[top + left] + data[top + right] + data[low + left] + data[low + right] + 2) >> 2;
      }
    }
    return { height: rows, width: columns, data: half, bits };
  }

  function levelsOf(whole) {
    const levels = [whole];
    while (Math.max(levels.at(-1).height, levels.at(-1).width) > TILE) levels.push(halved(levels.at(-1)));
    return levels;
  }

  function tileOf({ height, width, data }, row, column) {
    const [top, left] = [row * TILE, column * TILE];
    const [tall, wide] = [Math.min(TILE, height - top), Math.min(TILE, width - left)];
    const samples = new data.constructor(tall * wide);
    for (let r = 0; r < tall; r++)
      samples.set(data.subarray((top + r) * width + left, (top + r) * width + left + wide), r * wide);
    return { samples, width: wide, height: tall };
  }

  // A source of scenes made of those files, with a queue of them in order of their names.
  ui.pictureSource = (files) => {
    const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
    const open = new Map(); // key -> promise of levels: only the last two scenes are kept
    const levels = (key) => {
      if (!open.has(key)) open.set(key, samplesOf(sorted[Number(key.slice(1))]).then(levelsOf));
      for (const other of open.keys()) if (open.size > 2 && other !== key) open.delete(other);
      return open.get(key);
    };
    const sceneIdOf = (file) => file.name.replace(/\.[^.]+$/, "");
    const queue = {
      format_version: 1,
      title: "Opened pictures",
      created_from: {},
      items: sorted.map((file, index) => ({
        id: sceneIdOf(file),
        tile_id: null,
        scene_id: sceneIdOf(file),
        scene: `s${index}`,
        window: null,
        order: index + 1,
        score: null,
        reason: file.name,
        blind: false,
      })),
    };
    const scene = async (key) => {
      const all = await levels(key);
      const { height, width, bits, data } = all[0];
      const file = sorted[Number(key.slice(1))];
      return {
        format_version: 1,
        scene_id: sceneIdOf(file),
        height_width: [height, width],
        tile_px: TILE,
        bits,
        nodata: null,
        levels: all.map((level) => ({ height_width: [level.height, level.width] })),
        stretch: ui.percentiles(data, null, [0.005, 0.995]),
        unit: bits === 16 ? "DN" : "of 255",
        crs: null,
        transform: null,
        sensing_time: null,
        source: file.name,
        overlays: [],
        prelabels: false,
        labels: false,
        model: null,
      };
    };
    return {
      name: "pictures",
      json: async (path) => (path === "queue.json" ? queue : scene(path.split("/")[1])),
      async image(path) {
        const [, key, level, place] = path.split("/");
        const [row, column] = place.replace(".png", "").split("_").map(Number);
        return { samples: tileOf((await levels(key))[Number(level)], row, column) };
      },
    };
  };
})();
