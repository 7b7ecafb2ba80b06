"use strict";
// The list of slicks and suggestions: class letter, area, length, source, comment.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const IDLE_MS = 12; // measuring between two frames
  const SOURCES = { accepted: " ✓", edited: " ✎" };

  ui.SlickList = class SlickList {
    constructor(desk) {
      this.desk = desk;
      this.rows = new Map(); // id or "suggestion:" key -> {line, known}
      this.order = "";
      this.toMeasure = new Set();
      for (const name of ["changed", "ready", "work", "shown-item"]) ui.on(name, () => this.soon());
      ui.on("selection", () => this.mark());
      ui.on("comment", () => this.edit());
    }

    soon() {
      if (this.asked) return;
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        this.show();
      });
    }

    show() {
      const { desk } = this;
      const slicks = desk.instances().sort((a, b) => a.id - b.id);
      const pending = desk.pending();
      const keys = [...slicks.map((one) => one.id), ...pending.map((one) => `suggestion:${one.key}`)];
      const order = keys.join("\n");
      for (const one of slicks) this.fill(this.rowOf(one.id), one);
      for (const one of pending) this.fillSuggestion(this.rowOf(`suggestion:${one.key}`), one);
      if (order !== this.order || !keys.length) this.lay(keys, order);
      const total = `${slicks.length}${pending.length ? ` · ${pending.length} suggested` : ""}`;
      ui.say(ui.byId("instances-count"), total);
      this.mark();
      this.measureSoon();
      ui.showReview(desk);
    }

    lay(keys, order) {
      this.order = order;
      const list = ui.byId("instances");
      const known = new Set(keys);
      for (const key of this.rows.keys()) if (!known.has(key)) this.rows.delete(key);
      const lines = keys.map((key) => this.rows.get(key).line);
      const nothing = this.desk.readOnly || (this.desk.editor ? "Nothing drawn yet." : "");
      list.replaceChildren(...(lines.length ? lines : [ui.make("li", { class: "nothing", text: nothing })]));
    }

    rowOf(key) {
      if (!this.rows.has(key)) {
        const line = ui.make("li", { on: { click: (event) => this.pressed(key, event) } });
        this.rows.set(key, { line, known: "" });
      }
      return this.rows.get(key);
    }

    fill(row, one) {
      const known = `${one.classId}|${one.source}|${one.comment}|${one.version}`;
      if (row.known === known) return;
      row.known = known;
      const title = ui.shortTitle(one.classId);
      const words = `${title}${SOURCES[one.source] ?? ""}`;
      row.area = ui.make("span", { class: "number", text: `${one.area.toLocaleString("en")} px` });
      row.length = ui.make("span", { class: "number" });
      row.line.style.setProperty("--class", ui.colourOf(one.classId));
      row.line.title = [one.slickId, one.source, one.model].filter(Boolean).join("\n");
      const comment = one.comment ? ui.make("span", { class: "comment", text: one.comment }) : null;
      row.line.replaceChildren(
        ...[
          ui.swatch(one.classId),
          ui.make("span", { class: "what", text: words }),
          row.area,
          row.length,
          comment,
        ].filter(Boolean),
      );
      this.toMeasure.add(one.id);
    }

    fillSuggestion(row, one) {
      if (row.known) return;
      row.known = "suggestion";
      row.line.classList.add("suggested");
      row.line.style.setProperty("--class", ui.colourOf(one.classId));
      const sure =
        one.confidence === null || one.confidence === undefined ? "" : `${Math.round(one.confidence * 100)} %`;
      row.line.replaceChildren(
        ui.swatch(one.classId),
        ui.make("span", { class: "what", text: ui.shortTitle(one.classId) }),
        ui.make("span", { class: "number", text: "suggested" }),
        ui.make("span", { class: "number", text: sure }),
      );
    }

    // Areas and lengths come in between frames: of a large slick they take longer than a frame may.
    measureSoon() {
      if (this.measuring || !this.toMeasure.size) return;
      this.measuring = setTimeout(() => {
        this.measuring = null;
        const end = performance.now() + IDLE_MS;
        for (const id of this.toMeasure) {
          if (performance.now() > end) break;
          this.toMeasure.delete(id);
          this.measure(id);
        }
        this.measureSoon();
      }, 30);
    }

    measure(id) {
      const { map, scene } = this.desk;
      const row = this.rows.get(id);
      if (!map?.instances.has(id) || !row) return;
      const { areaKm2, lengthKm, areaPx } = Cerulean.measure(map, id, scene);
      ui.say(row.area, areaKm2 === null ? `${areaPx.toLocaleString("en")} px` : `${ui.figures(areaKm2)} km²`);
      ui.say(row.length, lengthKm === null ? "" : `${ui.figures(lengthKm)} km`);
    }

    mark() {
      const { desk } = this;
      const chosen = new Set([...desk.selected, desk.focus && `suggestion:${desk.focus.key}`]);
      for (const [key, { line }] of this.rows) {
        const on = chosen.has(key);
        if (on && !line.classList.contains("selected")) line.scrollIntoView({ block: "nearest" });
        line.classList.toggle("selected", on);
      }
    }

    pressed(key, event) {
      const { desk } = this;
      if (event.target instanceof HTMLInputElement) return;
      if (typeof key === "string") {
        const one = desk.pending().find((each) => `suggestion:${each.key}` === key);
        if (one) ui.bringIntoView(desk, one.bbox);
        desk.select([], one ?? null);
      } else {
        const box = desk.map.instances.get(key)?.bbox;
        if (box) ui.bringIntoView(desk, box);
        desk.select(event.shiftKey ? [...desk.selected, key] : [key]);
      }
      desk.canvas.focus();
    }

    // A comment is written where it will stand: on the selected slick, or with none selected on the scene.
    edit() {
      const { desk } = this;
      const [id] = desk.selected;
      if (desk.selected.size > 1) return ui.notice("Select one slick to comment on.", { seconds: 3 });
      if (!ui.mayDraw(desk)) return undefined;
      this.show(); // a row that is drawn anew afterwards would sweep the field away, and what is typed would be keys
      if (id === undefined) {
        return this.field(ui.byId("review-state"), desk.map.facts.get("comment"), (text) =>
          desk.editor.setFact("comment", text || undefined, "comment"),
        );
      }
      return this.field(
        this.rows.get(id).line,
        desk.map.instances.get(id).comment,
        (text) => desk.map.instances.has(id) && desk.editor.setComment(id, text),
      );
    }

    // A text field at the end of an element; Enter or leaving it keeps what it says, Escape does not.
    field(place, text, keep) {
      place.querySelector("input")?.remove();
      const input = ui.make("input", {
        value: text ?? "",
        maxLength: 1000,
        placeholder: "comment",
        "aria-label": "Comment",
      });
      let open = true;
      const end = (kept) => {
        if (!open) return; // taking the field away blurs it
        open = false;
        input.remove();
        if (kept) keep(input.value.trim());
        this.desk.canvas.focus();
        ui.showReview(this.desk);
      };
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") end(true);
        if (event.key === "Escape") end(false);
      });
      input.addEventListener("blur", () => end(true));
      place.append(input);
      return input.focus();
    }
  };

  // One line below the list: what is known of the item that is open.
  ui.showReview = (desk) => {
    const line = ui.byId("review-state");
    const review = desk.item && ui.reviewOf(desk, desk.item);
    const complete = desk.map?.facts.get("complete") === true;
    const words = !review ? "" : review.empty ? "Reviewed: nothing here." : "Reviewed.";
    const comment = desk.map?.facts.get("comment");
    const all = [words, complete ? "Whole scene gone through." : "", comment ? `“${comment}”` : ""]
      .filter(Boolean)
      .join(" ");
    if (!line.querySelector("input")) ui.say(line, all);
    line.classList.toggle("done", Boolean(review || complete));
  };
})();
