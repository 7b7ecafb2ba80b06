"use strict";
// Layers beside the image: infrastructure, earlier detections, context channels. Each can be hidden.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const MOST = 9;

  // Points and rings of a GeoJSON layer in image coordinates. What is no number is left out.
  function shapesOf(content, scene) {
    const [points, shapes] = [[], []];
    const at = (position) => (scene.crs ? Cerulean.imageXy(scene, position) : position);
    const good = (position) => Array.isArray(position) && Number.isFinite(position[0]) && Number.isFinite(position[1]);
    const add = (rings) => {
      const lines = rings
        .filter(Array.isArray)
        .map((ring) => ring.filter(good).map(at))
        .filter((ring) => ring.length > 1);
      if (!lines.length) return;
      const [xs, ys] = [0, 1].map((axis) => lines.flatMap((line) => line.map((point) => point[axis])));
      const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
      const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
      shapes.push({ rings: lines, bbox: [least(ys), least(xs), most(ys), most(xs)] });
    };
    const take = (geometry) => {
      const { type, coordinates } = geometry ?? {};
      if (type === "Point" && good(coordinates)) points.push(at(coordinates));
      else if (type === "MultiPoint") points.push(...coordinates.filter(good).map(at));
      else if (type === "LineString") add([coordinates]);
      else if (type === "MultiLineString" || type === "Polygon") add(coordinates);
      else if (type === "MultiPolygon") coordinates.forEach(add);
      else if (type === "GeometryCollection") (geometry.geometries ?? []).forEach(take);
    };
    for (const feature of Array.isArray(content?.features) ? content.features : []) take(feature?.geometry);
    return { points, shapes };
  }

  const colourOf = (layer) => (/^#[0-9a-fA-F]{6}$/.test(layer.colour) ? layer.colour : "#f0e442");

  ui.LayerList = class LayerList {
    constructor(desk) {
      this.desk = desk;
      this.lines = [];
      ui.on("toggle", (what) => this.toggle(what));
    }

    // Loads the layers of the scene that is open; those that fail are named and left out.
    async open() {
      const { desk } = this;
      const { scene, sceneKey, source } = desk;
      this.known = (Array.isArray(scene.overlays) ? scene.overlays : []).slice(0, MOST);
      this.build();
      for (const layer of this.known) {
        try {
          const path = `${ui.source.pathOf("scenes", sceneKey, "overlays", layer.name)}`;
          const made =
            layer.kind === "raster" ? this.raster(path) : shapesOf(await source.json(`${path}.geojson`), scene);
          if (desk.scene !== scene) return;
          desk.marks.layers.set(layer.name, { kind: layer.kind, colour: colourOf(layer), ...made });
          if (!desk.shows.layers.has(layer.name)) desk.shows.layers.set(layer.name, layer.kind !== "raster");
        } catch (error) {
          ui.notice(`The layer ${Cerulean.quoted(layer.title ?? layer.name)} cannot be shown: ${error.message}`, {
            kind: "warn",
          });
        }
      }
      this.show();
      desk.overlay.invalidate();
      desk.renderer.invalidate();
    }

    raster(folder) {
      const { scene, source, decoder, renderer } = this.desk;
      const onTile = () => renderer.invalidate();
      const pyramid = new ui.Pyramid({
        source,
        folder,
        levels: scene.levels,
        tilePx: scene.tile_px,
        nodata: 0,
        decoder,
        onTile,
      });
      pyramid.setTable(ui.lutOf({ low: 1, high: 255, gamma: 1, bits: 8, nodata: 0 }));
      return { pyramid };
    }

    rows() {
      const { shows } = this.desk;
      const fixed = [
        ["Outlines", "H", shows.outlines, "outlines"],
        ["Fills", "J", shows.fills, "fills"],
        ["Suggestions", "U", shows.suggestions, "suggestions"],
      ];
      const layers = this.known.map((layer, index) => [
        String(layer.title ?? layer.name),
        `Alt+${index + 1}`,
        shows.layers.get(layer.name) ?? false,
        index,
        colourOf(layer),
      ]);
      return [...fixed.filter(([, , , what]) => what !== "suggestions" || this.desk.scene?.prelabels), ...layers];
    }

    build() {
      const lines = this.rows().map(([title, key, , what, colour]) => {
        const on = { click: () => ui.emit("toggle", what) };
        const words = [ui.make("span", { text: title }), ui.make("kbd", { text: key })];
        if (!colour) return ui.make("li", { role: "switch", on }, ...words);
        const mark = ui.make("i");
        mark.style.setProperty("--class", colour);
        return ui.make("li", { class: "layer", role: "switch", on }, mark, ...words);
      });
      ui.byId("layers").replaceChildren(...lines);
      this.show();
    }

    show() {
      const rows = this.rows();
      [...ui.byId("layers").children].forEach((line, index) =>
        line.setAttribute("aria-checked", String(Boolean(rows[index]?.[2]))),
      );
    }

    toggle(what) {
      const { desk } = this;
      const { shows } = desk;
      if (["outlines", "fills", "suggestions"].includes(what)) shows[what] = !shows[what];
      else if (what === "layers") {
        const any = [...shows.layers.values()].some(Boolean);
        for (const name of shows.layers.keys()) shows.layers.set(name, !any);
      } else if (this.known?.[what]) shows.layers.set(this.known[what].name, !shows.layers.get(this.known[what].name));
      else return;
      this.show();
      desk.overlay.invalidate();
      desk.renderer.invalidate();
    }
  };
})();
