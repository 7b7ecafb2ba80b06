"use strict";
// The queue: what to go through, in which order, why, and what has been done. Blind items keep their reasons.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  // Checks what queue.json says, as far as the page leans on it.
  ui.checkedQueue = (queue) => {
    const wrong = (what) => new Cerulean.InputError(`The queue has ${what}; prepare the page again.`);
    if (!Array.isArray(queue?.items) || !queue.items.length) throw wrong("no items");
    for (const item of queue.items) {
      if (typeof item?.id !== "string" || typeof item.scene_id !== "string" || typeof item.scene !== "string")
        throw wrong("an item without id or scene");
      const { window } = item;
      if (
        window !== null &&
        window !== undefined &&
        !(Array.isArray(window) && window.length === 4 && window.every(Number.isInteger))
      ) {
        throw wrong("an item whose window is not four whole numbers");
      }
    }
    return queue.items
      .map((item) => ({
        ...item,
        window: item.window ?? null,
        blind: item.blind === true,
        reason: String(item.reason ?? ""),
      }))
      .sort((a, b) => a.order - b.order);
  };

  // Score and reason in words; of a blind item neither, because both tell what the model thinks.
  ui.reasonOf = (item) => {
    if (item.blind) return { score: "", reason: "blind: drawn without the model's help" };
    return { score: Number.isFinite(item.score) ? ui.figures(item.score) : "", reason: item.reason };
  };

  ui.QueueList = class QueueList {
    constructor(desk, open) {
      this.desk = desk;
      this.open = open;
      this.lines = [];
      for (const name of ["changed", "ready"]) ui.on(name, () => this.mark());
    }

    build() {
      const { desk } = this;
      this.lines = desk.items.map((item, index) => {
        const { score, reason } = ui.reasonOf(item);
        return ui.make(
          "li",
          { title: titleOf(item, reason), on: { click: () => this.open(index) } },
          ui.make("span", { class: "order", text: String(item.order) }),
          ui.make("span", { class: "name", text: shortName(item) }),
          ui.make("span", { class: "score", text: score }),
          ui.make("span", { class: "reason", text: reason }),
        );
      });
      ui.byId("queue").replaceChildren(...this.lines);
      this.mark();
    }

    // What was reviewed: of the open scene from its map, of the others as this browser last knew.
    mark() {
      const { desk } = this;
      for (const item of desk.items) {
        if (desk.map && item.scene_id === desk.scene?.scene_id) desk.reviews.set(item.id, ui.reviewOf(desk, item));
      }
      let done = 0;
      desk.items.forEach((item, index) => {
        const review = desk.reviews.get(item.id);
        const line = this.lines[index];
        if (!line) return;
        done += review ? 1 : 0;
        line.classList.toggle("done", Boolean(review));
        line.classList.toggle("empty", review?.empty === true);
        if (index === desk.index && line.getAttribute("aria-current") !== "true")
          line.scrollIntoView({ block: "nearest" });
        line.setAttribute("aria-current", String(index === desk.index));
      });
      ui.say(ui.byId("queue-count"), desk.items.length ? `${done} of ${desk.items.length} done` : "");
    }
  };

  // The scene's id is long and alike at the front: month, day and time to the second tell scenes apart.
  function shortName(item) {
    const time = /\d{4}(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(item.scene_id)?.slice(1);
    const scene = time ? `${time.slice(0, 2).join("-")} ${time.slice(2).join(":")}` : item.scene_id;
    const place = item.window ? ` · ${item.window[0]}, ${item.window[1]}` : "";
    return `${scene}${place}`;
  }

  function titleOf(item, reason) {
    const place = item.window ? `from row ${item.window[0]}, column ${item.window[1]}` : "the whole scene";
    return `${item.id}\n${item.scene_id}, ${place}\n${reason}`;
  }
})();
