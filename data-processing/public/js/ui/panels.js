"use strict";
// Tools and classes: the strip at the left and the swatches, both with their keys.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const TOOLS = [
    [
      "wand",
      "W",
      "Wand: press on dark water, drag sideways",
      "M3 17 11 9M13 3v3M11.500 4.500h3M17 8v2M16 9h2M15 12v2M14 13h2M9 3v2M8 4h2",
    ],
    ["follow", "L", "Wand along a thin slick", "M3 16c3-1 3-5 6-6s3-5 8-6M3 16h.1M9 10h.1M17 4h.1M13 15v2M12 16h2"],
    ["polygon", "P", "Polygon", "M4 7 11 3l6 6-4 8-8-2zM4 7h.1M11 3h.1M17 9h.1M13 17h.1M5 15h.1"],
    ["brush", "B", "Brush", "M17 3 9 11M9 11c-2-1-4 0-4.500 2S3 16 2.500 16.500c3 1 7 .5 7.500-2.500s-1-3-1-3z"],
    ["eraser", "E", "Eraser", "M8 16 3.500 11.500 11.500 3.500 16.500 8.500 9 16zM7 8l5 5M9 16h8"],
    ["cut", "X", "Cut a slick along a line", "M5 3v14M8 4l7 12M15 4 8 16M15 4h.1M15 16h.1"],
    ["hand", "V", "Select and move", "M5 3v13l3.500-3.500L11 17l2-1-2.500-4.500H15z"],
  ];

  ui.buildTools = (desk) => {
    const list = ui.byId("tools");
    const buttons = new Map();
    for (const [id, key, title, path] of TOOLS) {
      const button = ui.make("button", {
        type: "button",
        title: `${title} (${key})`,
        "aria-label": title,
        tabIndex: -1,
      });
      button.append(ui.icon(path), ui.make("b", { text: key }));
      button.addEventListener("click", () => {
        desk.setTool(id);
        desk.canvas.focus();
      });
      buttons.set(id, button);
      list.append(button);
    }
    const show = () => {
      for (const [id, button] of buttons) button.setAttribute("aria-pressed", String(id === desk.toolId));
      ui.say(ui.byId("tool-state"), desk.scene ? desk.tool().state() : "");
      desk.canvas.dataset.tool = desk.toolId;
    };
    for (const name of ["tool", "selection", "changed", "ready"]) ui.on(name, show);
    show();
  };

  // "Recent vessel": that it is a slick need not be said in each row.
  ui.shortTitle = (classId) => Cerulean.classes[classId].title.replace(/ slick$/i, "");

  ui.swatch = (classId, title) => {
    const swatch = ui.make("i", {
      class: "letter",
      text: Cerulean.classes[classId]?.letter ?? "?",
      title: title ?? "",
    });
    swatch.style.setProperty("--class", ui.colourOf(classId));
    return swatch;
  };

  ui.buildClasses = (desk) => {
    const buttons = Cerulean.classes.slice(1).map(({ id, title }) => {
      const button = ui.make("button", { type: "button", title: `${title} (${id})`, role: "radio", tabIndex: -1 });
      button.style.setProperty("--class", ui.colourOf(id));
      button.append(ui.swatch(id), ui.make("span", { text: ui.shortTitle(id) }), ui.make("kbd", { text: String(id) }));
      button.addEventListener("click", () => {
        ui.chooseClass(desk, id);
        desk.canvas.focus();
      });
      ui.byId("classes").append(button);
      return button;
    });
    const show = () =>
      buttons.forEach((button, index) => button.setAttribute("aria-checked", String(index + 1 === shownClass(desk))));
    for (const name of ["selection", "changed"]) ui.on(name, show);
    show();
  };

  // The class that is marked: that of the selection where it has one, else that of the next slick.
  function shownClass(desk) {
    const classes = new Set([...desk.selected].map((id) => desk.map.instances.get(id)?.classId));
    return classes.size === 1 ? [...classes][0] : desk.classId;
  }
})();
