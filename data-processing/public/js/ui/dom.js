"use strict";
// Elements without innerHTML: whatever a file says is shown as text and can never become markup.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const SVG = "http://www.w3.org/2000/svg";

  // The element with that class, text, attributes and children. Children are elements or strings.
  ui.make = (tag, { text, on = {}, data = {}, ...properties } = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "class") element.className = value;
      else if (name.startsWith("aria-") || name === "role" || name === "for") element.setAttribute(name, value);
      else element[name] = value;
    }
    for (const [name, value] of Object.entries(data)) element.dataset[name] = value;
    for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
    if (text !== undefined) element.textContent = text;
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };

  // An icon of 20 x 20 drawn with one path.
  ui.icon = (path) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 20 20");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  };

  ui.byId = (id) => document.getElementById(id);

  // Replaces what an element shows only where it differs, so that a status line of every frame costs nothing.
  ui.say = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // A listener's list for each name: the parts of the page know names of events, not each other.
  const listeners = new Map();
  ui.on = (name, listener) => {
    if (!listeners.has(name)) listeners.set(name, []);
    listeners.get(name).push(listener);
  };
  ui.emit = (name, detail) => {
    for (const listener of listeners.get(name) ?? []) listener(detail);
  };

  // Now, in whole seconds, as the label store writes times.
  ui.utcNow = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");

  // A number with about three figures: 0.012, 1.23, 12.3, 123; whole ones as they are.
  ui.figures = (value) => {
    if (!Number.isFinite(value)) return "–";
    if (Number.isInteger(value)) return String(value);
    const size = Math.abs(value);
    const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return value.toFixed(digits);
  };
})();
