"use strict";
/* GeoJSON out: exact pixel edges of every instance, one feature an instance, in one pass over the tiles. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const DIGITS = 1e9;

  /**
   * The FeatureCollection that the label store takes (RFC 7946; outlines anticlockwise on the ground). `about`:
   * {complete, annotator, saved, basedOn: [names], comment, tiles}. Features stand in the order of their ids.
   * Scenes without georeference are written in columns and rows ("crs": null, "pixels": true).
   */
  Cerulean.toGeoJson = (map, scene, classes, about = {}) => {
    const polygons = Cerulean.allPolygons(map);
    const ids = [...map.instances.keys()].filter((id) => polygons.has(id)).sort((a, b) => a - b);
    const point = positionOf(scene);
    const features = ids.map((id) => ({
      type: "Feature",
      properties: Cerulean.propertiesOf(map.instances.get(id), classes),
      geometry: {
        type: "MultiPolygon",
        coordinates: polygons.get(id).map((rings) => rings.map((ring) => turned(ring, point))),
      },
    }));
    return {
      type: "FeatureCollection",
      ...(scene.crs ? {} : { crs: null, pixels: true }),
      scene_id: scene.scene_id,
      complete: about.complete === true,
      annotator: about.annotator ?? null,
      saved: about.saved ?? null,
      page: 1,
      ...(about.basedOn?.length ? { based_on: about.basedOn } : {}),
      ...(about.comment ? { comment: about.comment } : {}),
      tiles: about.tiles ?? {},
      rejected: Cerulean.rejectedOf(map),
      features,
    };
  };

  /** The properties that a feature or annotation of an instance carries. */
  Cerulean.propertiesOf = (instance, classes) => ({
    class: classes[instance.classId].name,
    slick_id: instance.slickId,
    annotator: instance.annotator,
    source: instance.source,
    started: instance.started,
    finished: instance.finished,
    model: instance.model,
    comment: instance.comment,
  });

  function positionOf(scene) {
    if (!scene.crs) return (point) => [...point];
    const round = (value) => Math.round(value * DIGITS) / DIGITS + 0;
    return (point) => Cerulean.lonLat(scene, point).map(round);
  }

  /** A ring in positions; clockwise on the screen is clockwise on the ground, and GeoJSON wants it the other way. */
  function turned(ring, point) {
    return ring.map(point).reverse();
  }
})();
