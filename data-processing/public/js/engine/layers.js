"use strict";
/* Photopea-style layers: a picture of the whole scene for each instance, its class's colour on transparent ground. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const OPAQUE = 128;
  const TOLERANCE = 8;

  /**
   * Yields {name: "<class>_<n>.png", bytes} for each instance, in the order of ids, counted by class from 1. The
   * pictures have a palette with alpha, as Photopea's own have, and so are written in a thirtieth of the time; with
   * `rgba` they have four channels.
   */
  Cerulean.toLayers = async function* toLayers(map, scene, classes, { rgba = false } = {}) {
    const numbers = new Map();
    for (const id of [...map.instances.keys()].filter((one) => map.extents.has(one)).sort((a, b) => a - b)) {
      const { name, photopea } = classes[map.instances.get(id).classId];
      numbers.set(name, (numbers.get(name) ?? 0) + 1);
      const bytes = await (rgba ? rgbaLayer : paletteLayer)(map, id, photopea);
      yield { name: `${name}_${numbers.get(name)}.png`, bytes };
    }
  };

  function rgbaLayer(map, id, colour) {
    const set = (line, c) => line.set([...colour, 255], 4 * c);
    const row = rowsOf(map.runsOf(id), map.width * 4, set);
    return Cerulean.encodePng({ height: map.height, width: map.width, channels: 4, bits: 8, row });
  }

  function paletteLayer(map, id, colour) {
    const set = (line, c) => { line[c >> 3] |= 128 >> (c & 7); };
    const row = rowsOf(map.runsOf(id), Math.ceil(map.width / 8), set);
    const palette = [[...colour, 0], [...colour, 255]];
    return Cerulean.encodePng({ height: map.height, width: map.width, channels: 1, bits: 1, row, palette });
  }

  /** The bytes of each row in turn, null for an empty one; `set(line, column)` sets a pixel. */
  function rowsOf(runs, bytes, set) {
    let at = 0;
    return (number) => {
      if (runs[at] !== number) return null;
      const line = new Uint8Array(bytes);
      for (; runs[at] === number; at += 3) {
        for (let c = runs[at + 1]; c < runs[at + 1] + runs[at + 2]; c++) set(line, c);
      }
      return line;
    };
  }

  /**
   * Labels (as fromGeoJson's) of one layer: pixels at least half opaque, without alpha at least half bright; the class
   * by colour, which a class in the name must agree with. A layer of another size or of two classes is refused.
   */
  Cerulean.fromLayer = async (bytes, name, scene, classes) => {
    const where = `Layer ${Cerulean.quoted(name)}`;
    const head = Cerulean.pngHead(bytes);
    const [height, width] = scene.height_width;
    if (head.height !== height || head.width !== width) {
      Cerulean.refuse(
        `${where} is ${head.height} x ${head.width} pixels, but the scene is ${height} x ${width}; export both at one size.`,
      );
    }
    if (head.bits !== 8) Cerulean.refuse(`${where} has 16 bits a channel; export it with 8.`);
    const out = new Cerulean.Numbers();
    const colours = new Map();
    await Cerulean.readPngRows(bytes, head, (row, number) => readRow(row, number, head, out, colours));
    const runs = out.done(Int32Array);
    const stem = name.replace(/^.*[\\/]/, "").replace(/\.png$/i, "");
    const notes = runs.length ? [] : [`${where} has no pixel that is at least half opaque and was left out.`];
    const instances = runs.length ? [instanceOf(stem, runs, colours, where, scene, classes)] : [];
    return {
      sceneId: null, complete: false, annotator: null, saved: null, comment: null, basedOn: [], tiles: {}, rejected: [],
      model: null, instances, notes,
    };
  };

  function instanceOf(stem, runs, colours, where, scene, classes) {
    const classId = classByColour(colours, classes, where);
    const named = classByName(stem, classes);
    if (named !== null && named !== classId) {
      Cerulean.refuse(
        `${where} is named ${classes[named].name} but has the colour of ${classes[classId].name}; rename or recolour it.`,
      );
    }
    const slickId = Cerulean.checkedId(`${scene.scene_id}/${stem}`, where);
    const unknown = { model: null, annotator: null, started: null, finished: null, comment: null, confidence: null };
    return { slickId, classId, source: "drawn", ...unknown, runs };
  }

  function readRow(row, number, head, out, colours) {
    const { channels, width } = head;
    const hasAlpha = channels === 2 || channels === 4;
    const shown = channels - (hasAlpha ? 1 : 0);
    let first = -1;
    for (let c = 0; c <= width; c++) {
      const at = c * channels;
      const brightest = shown === 3 ? Math.max(row[at], row[at + 1], row[at + 2]) : row[at];
      const strength = c === width ? 0 : hasAlpha ? row[at + shown] : brightest;
      if (strength >= OPAQUE) {
        if (first < 0) first = c;
        const [red, green, blue] = shown === 3 ? [row[at], row[at + 1], row[at + 2]] : [row[at], row[at], row[at]];
        const code = (red << 16) | (green << 8) | blue;
        colours.set(code, (colours.get(code) ?? 0) + 1);
      } else if (first >= 0) {
        out.push3(number, first, c - first);
        first = -1;
      }
    }
  }

  /** The class whose colour at least half of the pixels have; another with more than a hundredth is refused. */
  function classByColour(colours, classes, where) {
    const shares = new Map();
    let total = 0;
    for (const [code, count] of colours) {
      total += count;
      const near = classes.map(({ photopea }) => distance(photopea, [code >> 16, (code >> 8) & 255, code & 255]));
      const least = Math.min(...near);
      if (least <= TOLERANCE) shares.set(near.indexOf(least), (shares.get(near.indexOf(least)) ?? 0) + count);
    }
    const [best, second] = [...shares].sort((a, b) => b[1] - a[1]);
    if (!best || best[1] * 2 < total || best[0] === 0) {
      Cerulean.refuse(`${where} has the colour of no slick class; draw it in a class's colour.`);
    }
    if (second && second[1] * 100 > total) {
      const [one, other] = [classes[best[0]].name, classes[second[0]].name];
      Cerulean.refuse(`${where} shows the colours of ${one} and ${other}; draw each slick on a layer of its own.`);
    }
    return best[0];
  }

  function distance(a, b) {
    return Math.max(Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]), Math.abs(a[2] - b[2]));
  }

  /** The class that a layer is named after ("old_vessel_2", "<scene>_old_vessel"), null for none. */
  function classByName(stem, classes) {
    const name = stem.toLowerCase().replace(/_\d+$/, "");
    const fitting = classes.slice(1).filter((row) => name === row.name || name.endsWith(`_${row.name}`));
    fitting.sort((a, b) => b.name.length - a.name.length);
    return fitting[0]?.id ?? null;
  }
})();
