"use strict";
/* GeoJSON in: label files and predictions, checked to the last number before anything is made of them. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const MOST_POSITIONS = 5_000_000;

  /**
   * The labels in GeoJSON text (or its object): {sceneId, complete, annotator, saved, comment, basedOn, tiles,
   * rejected, model, notes, instances: [{slickId, classId, source, model, annotator, started, finished, comment, confidence,
   * runs}]}. Pixels are those whose centres lie in the polygons, else all they touch. InputError in one sentence.
   */
  Cerulean.fromGeoJson = (content, scene, classes) => {
    const file = Cerulean.parseObject(content);
    checkCollection(file, scene);
    const notes = [];
    const seen = new Set();
    const budget = { left: MOST_POSITIONS };
    const known = { file, scene, classes, seen, budget, notes };
    const instances = file.features.map((feature, i) => instanceOf(feature, i + 1, known));
    return {
      sceneId: file.scene_id ?? null,
      complete: file.complete === true,
      annotator: Cerulean.checkedText(file.annotator, "The file", "annotator"),
      saved: Cerulean.checkedTime(file.saved, "The file", "saved"),
      comment: Cerulean.checkedText(file.comment, "The file", "comment"),
      basedOn: namesOf(file.based_on),
      tiles: Cerulean.checkedTiles(file.tiles),
      rejected: Cerulean.checkedRejected(file.rejected),
      model: modelOf(file),
      instances: instances.filter(Boolean),
      notes,
    };
  };

  function checkCollection(file, scene) {
    if (file.type !== "FeatureCollection" || !Array.isArray(file.features)) {
      Cerulean.refuse("The file is no GeoJSON FeatureCollection with a list of features.");
    }
    if (file.features.length > Cerulean.MOST_FEATURES) {
      Cerulean.refuse(`The file has ${file.features.length} features and at most ${Cerulean.MOST_FEATURES} are taken.`);
    }
    Cerulean.checkScene(file.scene_id, scene);
    if (![undefined, null, true, false].includes(file.complete)) {
      Cerulean.refuse(`The file's complete is ${Cerulean.quoted(file.complete)}; it is true or false.`);
    }
    const inPixels = "crs" in file && file.crs === null;
    if (inPixels && scene.crs) {
      Cerulean.refuse(
        "The file is in columns and rows, but this scene lies on the ground; it fits another copy of the scene.",
      );
    }
    if (!inPixels && !scene.crs) {
      Cerulean.refuse("The file is in longitude and latitude, but this scene has no georeference.");
    }
    if (!inPixels && file.crs !== undefined) checkCrs(file.crs);
  }

  function checkCrs(crs) {
    const name = crs?.properties?.name ?? crs;
    if (typeof name !== "string" || !/(CRS84|EPSG::?4326)$/i.test(name)) {
      Cerulean.refuse(
        `The file is in ${Cerulean.quoted(name)}; GeoJSON labels are in longitude and latitude (EPSG:4326).`,
      );
    }
  }

  function instanceOf(feature, place, { file, scene, classes, seen, budget, notes }) {
    const where = `Feature ${place}`;
    if (feature?.type !== "Feature" || feature.properties === null || typeof feature.properties !== "object") {
      Cerulean.refuse(`${where} is no GeoJSON Feature with properties.`);
    }
    const { properties } = feature;
    const text = (key) => Cerulean.checkedText(properties[key], where, key);
    const slickId = Cerulean.checkedId(properties.slick_id ?? `${scene.scene_id}/${feature.id ?? place}`, where);
    if (seen.has(slickId)) {
      Cerulean.refuse(`${where} has the slick_id ${Cerulean.quoted(slickId)}, which stands twice in the file.`);
    }
    seen.add(slickId);
    const runs = runsOf(feature.geometry, where, scene, budget);
    if (!runs.length) notes.push(`${slickId} lies outside the scene and was left out.`);
    const confidence = properties.machine_confidence;
    return runs.length === 0 ? null : {
      slickId,
      classId: Cerulean.checkedClass(properties.class, where, classes),
      source: Cerulean.checkedSource(properties.source, where),
      model: text("model") ?? modelOf(file),
      annotator: text("annotator"),
      started: Cerulean.checkedTime(properties.started, where, "started"),
      finished: Cerulean.checkedTime(properties.finished, where, "finished"),
      comment: text("comment"),
      confidence: Number.isFinite(confidence) ? confidence : null,
      runs,
    };
  }

  /** The pixels whose centres lie in a geometry; where there are none, those that its edges run through. */
  function runsOf(geometry, where, scene, budget) {
    const kind = geometry?.type;
    if (kind !== "Polygon" && kind !== "MultiPolygon") {
      Cerulean.refuse(`${where} has no polygon but ${Cerulean.quoted(kind ?? "no geometry")}; slicks are areas.`);
    }
    const parts = kind === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
    if (!Array.isArray(parts) || !parts.length) Cerulean.refuse(`${where} has a polygon without coordinates.`);
    const polygons = parts.map((part) => {
      if (!Array.isArray(part) || !part.length) Cerulean.refuse(`${where} has a polygon without an outline.`);
      return part.map((ring) => ringOf(ring, where, scene, budget));
    });
    const [height, width] = scene.height_width;
    const perPart = polygons.map((rings) => Cerulean.ringsRuns(rings, height, width));
    const runs = perPart.length === 1 ? perPart[0] : Cerulean.joinRuns(perPart);
    return runs.length ? runs : touched(polygons.flat(), height, width);
  }

  function ringOf(ring, where, scene, budget) {
    if (!Array.isArray(ring) || ring.length < 4) Cerulean.refuse(`${where} has a ring of fewer than 4 positions.`);
    budget.left -= ring.length;
    if (budget.left < 0) Cerulean.refuse(`The file has more than ${MOST_POSITIONS} positions; simplify its outlines.`);
    const points = ring.map((position) => pointOf(position, where, scene));
    const [first, last] = [points[0], points.at(-1)];
    if (first[0] !== last[0] || first[1] !== last[1]) Cerulean.refuse(`${where} has a ring that is not closed.`);
    Cerulean.spendCrossings(points, scene.height_width[0], budget, where);
    return points;
  }

  /** Image coordinates of a position. */
  function pointOf(position, where, scene) {
    if (!Array.isArray(position) || !Number.isFinite(position[0]) || !Number.isFinite(position[1])) {
      Cerulean.refuse(`${where} has the position ${Cerulean.quoted(position)}; each is two finite numbers.`);
    }
    if (!scene.crs) return [position[0], position[1]];
    if (Math.abs(position[0]) > 180 || Math.abs(position[1]) > 90) {
      Cerulean.refuse(
        `${where} has the position ${Cerulean.quoted(position)}; give longitude and latitude in degrees.`,
      );
    }
    return Cerulean.imageXy(scene, position);
  }

  function touched(rings, height, width) {
    const places = new Set();
    for (const ring of rings) {
      const within = (value, most) => Math.min(most + 1, Math.max(-1, value));
      const inScene = ring.map(([x, y]) => [within(x, width), within(y, height)]);
      Cerulean.walkLine(inScene, (row, col) => {
        if (row >= 0 && col >= 0 && row < height && col < width) places.add(row * width + col);
      });
    }
    const out = new Cerulean.Numbers();
    for (const place of [...places].sort((a, b) => a - b)) out.push3(Math.floor(place / width), place % width, 1);
    return out.done(Int32Array);
  }

  function namesOf(names) {
    if (names === undefined || names === null) return [];
    if (!Array.isArray(names)) Cerulean.refuse("The file's based_on is no list of file names.");
    return names.map((name) => Cerulean.checkedId(name, "The file", "based_on"));
  }

  /** The model that a file of predictions names, null for none. */
  function modelOf(file) {
    const named = file.model ?? file.prediction?.model?.name ?? null;
    return Cerulean.checkedText(typeof named === "string" ? named : null, "The file", "model");
  }
})();
