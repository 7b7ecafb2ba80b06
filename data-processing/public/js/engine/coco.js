"use strict";
/* COCO in and out: one image, the scene; an annotation with run-length code for each instance. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** The COCO object of all instances; ids of categories are those of the class table. `about` as in toGeoJson. */
  Cerulean.toCoco = (map, scene, classes, about = {}) => {
    const [height, width] = scene.height_width;
    const ids = [...map.instances.keys()].filter((id) => map.extents.has(id)).sort((a, b) => a - b);
    const placed = scene.crs ? { crs: scene.crs, transform: scene.transform } : {};
    return {
      info: {
        description: "Slicks drawn on the annotation page",
        date_created: about.saved ?? null,
        contributor: about.annotator ?? null,
      },
      images: [{ id: 1, file_name: scene.scene_id, scene_id: scene.scene_id, height, width, ...placed }],
      categories: classes.slice(1).map(({ id, name }) => ({ id, name, supercategory: "slick" })),
      annotations: ids.map((id, i) => annotationOf(map, id, i + 1, classes)),
    };
  };

  function annotationOf(map, id, place, classes) {
    const instance = map.instances.get(id);
    const [top, left, bottom, right] = map.boxOf(id);
    return {
      id: place,
      image_id: 1,
      category_id: instance.classId,
      segmentation: Cerulean.rleOfRuns(map.runsOf(id), map.height, map.width),
      area: instance.area,
      bbox: [left, top, right - left, bottom - top],
      iscrowd: 0,
      ...Cerulean.propertiesOf(instance, classes),
    };
  }

  /** Labels (as fromGeoJson's) of COCO text or its object: run-length codes or polygons of this scene's image. */
  Cerulean.fromCoco = (content, scene, classes) => {
    const file = Cerulean.parseObject(content);
    for (const key of ["images", "annotations", "categories"]) {
      if (!Array.isArray(file[key])) Cerulean.refuse(`The file is no COCO file: it has no list of ${key}.`);
    }
    if (file.annotations.length > Cerulean.MOST_FEATURES) {
      Cerulean.refuse(
        `The file has ${file.annotations.length} annotations and at most ${Cerulean.MOST_FEATURES} are taken.`,
      );
    }
    const image = imageOf(file, scene);
    const names = new Map(file.categories.map((category) => [category?.id, category?.name]));
    const notes = [];
    const seen = new Set();
    const budget = {};
    const mine = file.annotations.filter((annotation) => annotation?.image_id === image.id);
    const others = file.annotations.length - mine.length;
    if (others) notes.push(`${others} annotations are of other images and were left out.`);
    const known = { scene, classes, names, notes, seen, budget };
    const instances = mine.map((annotation, i) => instanceOf(annotation, i + 1, known));
    return {
      sceneId: scene.scene_id, complete: false, annotator: null, saved: null, comment: null, basedOn: [], tiles: {},
      rejected: [], model: null, instances: instances.filter(Boolean), notes,
    };
  };

  /** The file's image of this scene, by scene_id, else by file name. */
  function imageOf(file, scene) {
    const stem = (name) => String(name ?? "").split("/").at(-1).replace(/\.(png|tiff?|jpe?g)$/i, "");
    const found = file.images.filter((image) => (image?.scene_id ?? stem(image?.file_name)) === scene.scene_id);
    if (found.length !== 1) {
      const named = file.images.length === 1 ? (file.images[0]?.scene_id ?? stem(file.images[0]?.file_name)) : null;
      if (named) Cerulean.checkScene(named, scene);
      Cerulean.refuse(
        `The file has ${found.length} images of scene ${Cerulean.quoted(scene.scene_id, 90)}; give one with the whole scene.`,
      );
    }
    const [height, width] = scene.height_width;
    const [rows, cols] = [Cerulean.quoted(found[0].height), Cerulean.quoted(found[0].width)];
    if (found[0].height !== height || found[0].width !== width) {
      Cerulean.refuse(
        `The file's image is ${rows} x ${cols} pixels, but the scene is ${height} x ${width}.`,
      );
    }
    return found[0];
  }

  function instanceOf(annotation, place, { scene, classes, names, notes, seen, budget }) {
    const where = `Annotation ${place}`;
    const slickId = Cerulean.checkedId(annotation.slick_id ?? `${scene.scene_id}/${annotation.id ?? place}`, where);
    if (seen.has(slickId)) {
      Cerulean.refuse(`${where} has the slick_id ${Cerulean.quoted(slickId)}, which stands twice in the file.`);
    }
    seen.add(slickId);
    const text = (key) => Cerulean.checkedText(annotation[key], where, key);
    const classId = Cerulean.checkedClass(names.get(annotation.category_id), where, classes);
    const runs = runsOf(annotation.segmentation, where, scene, budget);
    if (!runs.length) {
      notes.push(`${slickId} has no pixel in the scene and was left out.`);
      return null;
    }
    return {
      slickId,
      classId,
      source: Cerulean.checkedSource(annotation.source, where),
      model: text("model"),
      annotator: text("annotator"),
      started: Cerulean.checkedTime(annotation.started, where, "started"),
      finished: Cerulean.checkedTime(annotation.finished, where, "finished"),
      comment: text("comment"),
      confidence: Number.isFinite(annotation.score) ? annotation.score : null,
      runs,
    };
  }

  function runsOf(segmentation, where, scene, budget) {
    const [height, width] = scene.height_width;
    if (!Array.isArray(segmentation)) {
      const mask = Cerulean.rleDecode(segmentation, where, scene.height_width);
      return mask ? Cerulean.runsOfMask(mask) : new Int32Array(0);
    }
    const rings = segmentation.map((flat) => {
      if (!Array.isArray(flat) || flat.length < 6 || flat.length % 2 || !flat.every(Number.isFinite)) {
        Cerulean.refuse(`${where} has a polygon that is no list of at least 3 points.`);
      }
      const ring = flat.filter((_, i) => i % 2 === 0).map((x, i) => [x, flat[2 * i + 1]]);
      Cerulean.spendCrossings([...ring, ring[0]], height, budget, where);
      return ring;
    });
    return Cerulean.joinRuns(rings.map((ring) => Cerulean.ringsRuns([ring], height, width)));
  }
})();
