"use strict";
/* Checks of what files say before any of it is used: names, ids, classes, times, tiles. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const SOURCES = ["drawn", "accepted", "edited"];
  const LONGEST_ID = 400;
  const LONGEST_TEXT = 4000;

  Cerulean.MOST_FEATURES = 20000;
  const MOST_CROSSINGS = 40_000_000;
  Cerulean.refuse = (sentence) => {
    throw new Cerulean.InputError(sentence);
  };

  /** An id as it stands in a file: text that could not be markup, a path upwards or an invisible character. */
  Cerulean.checkedId = (value, where, what = "slick_id") => {
    const fits = typeof value === "string" && value.length > 0 && value.length <= LONGEST_ID;
    if (!fits || /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069<>"'`\\]/.test(value)) {
      Cerulean.refuse(
        `${where} has the ${what} ${Cerulean.quoted(value)}; an id is plain text without quotes and brackets.`,
      );
    }
    return value;
  };

  /** Free text (a comment, a name), null for none; control characters become spaces. It stays text. */
  Cerulean.checkedText = (value, where, what) => {
    if (value === null || value === undefined || value === "") return null;
    if (typeof value !== "string" || value.length > LONGEST_TEXT) {
      Cerulean.refuse(`${where} has a ${what} that is no text of at most ${LONGEST_TEXT} characters.`);
    }
    return value.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, " ");
  };

  /** The id of a class's name; background and unknown names are refused. */
  Cerulean.checkedClass = (name, where, classes) => {
    const found = classes.find((row) => row.name === name);
    if (!found || found.id === 0) {
      const known = classes.slice(1).map((row) => row.name).join(", ");
      Cerulean.refuse(`${where} has the class ${Cerulean.quoted(name)}; the classes are ${known}.`);
    }
    return found.id;
  };

  Cerulean.checkedSource = (value, where) => {
    if (value === null || value === undefined) return "drawn";
    if (!SOURCES.includes(value)) {
      Cerulean.refuse(`${where} has the source ${Cerulean.quoted(value)}; it is one of ${SOURCES.join(", ")}.`);
    }
    return value;
  };

  /** A time in ISO 8601 as it stands, null for none. */
  Cerulean.checkedTime = (value, where, what) => {
    const text = Cerulean.checkedText(value, where, what);
    if (text !== null && !(/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)$/.test(text) && Number.isFinite(Date.parse(text)))) {
      Cerulean.refuse(
        `${where} has the time ${Cerulean.quoted(text)} as ${what}; times look like 2026-11-21T20:15:03Z.`,
      );
    }
    return text;
  };

  /** Refuses labels of another scene. */
  Cerulean.checkScene = (sceneId, scene) => {
    if (sceneId !== null && sceneId !== undefined && sceneId !== scene.scene_id) {
      const [theirs, ours] = [Cerulean.quoted(sceneId, 90), Cerulean.quoted(scene.scene_id, 90)];
      Cerulean.refuse(
        `The file labels scene ${theirs}, but this page shows ${ours}; open that scene and import it there.`,
      );
    }
  };

  /** Refuses outlines whose edges cross so many rows of the scene (all taken together) that burning them would hang. */
  Cerulean.spendCrossings = (ring, height, budget, where) => {
    budget.crossings ??= MOST_CROSSINGS;
    const inScene = (y) => Math.min(height, Math.max(0, y));
    for (let i = 1; i < ring.length; i++) budget.crossings -= Math.abs(inScene(ring[i][1]) - inScene(ring[i - 1][1]));
    if (budget.crossings < 0) {
      Cerulean.refuse(`${where} and those before it have more edges than can be burnt; simplify them.`);
    }
  };

  /** The `tiles` member: what was gone through, by tile id. */
  Cerulean.checkedTiles = (tiles) => {
    const checked = {};
    if (tiles === undefined || tiles === null) return checked;
    if (typeof tiles !== "object" || Array.isArray(tiles)) {
      Cerulean.refuse("The file's tiles are no object by tile id.");
    }
    for (const [id, about] of Object.entries(tiles)) {
      const where = `Tile ${Cerulean.quoted(id)}`;
      Cerulean.checkedId(id, where, "tile id");
      if (about === null || typeof about !== "object") Cerulean.refuse(`${where} says nothing about itself.`);
      const number = (value) => (Number.isFinite(value) && value >= 0 ? value : 0);
      const comment = Cerulean.checkedText(about.comment, where, "comment");
      checked[id] = {
        reviewed: about.reviewed === true,
        seconds: number(about.seconds),
        clicks: number(about.clicks),
        blind: about.blind === true,
        empty: about.empty === true,
        ...(comment === null ? {} : { comment }),
      };
    }
    return checked;
  };

  /** The `rejected` member: outlines of a model that the annotator refused. */
  Cerulean.checkedRejected = (rejected) => {
    if (rejected === undefined || rejected === null) return [];
    if (!Array.isArray(rejected)) Cerulean.refuse("The file's rejected outlines are no list.");
    return rejected.map((one, i) => {
      const where = `Rejected outline ${i + 1}`;
      const slickId = Cerulean.checkedId(one?.slick_id, where);
      return { slickId, model: Cerulean.checkedText(one.model, where, "model") };
    });
  };
})();
