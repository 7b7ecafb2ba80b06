"use strict";
// One scene in Photopea: a button a class that begins a layer in its colour, and one that saves all layers as PNG files.
// The address holds #scene=<scene_id>&image=<address of the background>. Nothing here waits for a time: Photopea says
// "done" after each message, and every script ends by echoing a mark of its own, so an older "done" is not taken for it.
(() => {
  const ORIGIN = "https://www.photopea.com";
  const MARK = "ceruleanml";
  const LONGEST_ID = 220;
  const at = (id) => document.getElementById(id);
  const say = (text) => {
    at("state").textContent = text;
  };

  // ---- messages

  const waiting = []; // commands under way, the first is Photopea's now: {mark, seen, found, resolve}
  let marks = 0;

  function receive(event) {
    if (event.source !== at("photopea").contentWindow || event.origin !== ORIGIN) return;
    const command = waiting[0];
    if (!command) return;
    if (event.data === "done") {
      if (!command.seen) return; // of an earlier message
      waiting.shift();
      command.resolve(command.found);
      if (waiting[0]) post(waiting[0]);
    } else if (event.data === command.mark) {
      command.seen = true;
    } else if (typeof event.data === "string" || event.data instanceof ArrayBuffer) {
      command.found.push(event.data);
    }
  }

  function post(command) {
    for (const message of command.messages) at("photopea").contentWindow.postMessage(message, ORIGIN);
  }

  const echo = (mark) => `app.echoToOE(${JSON.stringify(mark)});`;

  // What Photopea says while it works on a script, after a file to open where there is one.
  function run(script, file) {
    return new Promise((resolve) => {
      const mark = `${MARK} ${(marks += 1)}`;
      const messages = [...(file ? [file] : []), `${script}\n${echo(mark)}`];
      waiting.push({ mark, messages, found: [], seen: false, resolve });
      if (waiting.length === 1) post(waiting[0]);
    });
  }

  // The first message comes from Photopea: with a background after its script has run, else when it is there at all.
  function start(image) {
    return new Promise((resolve) => {
      const mark = `${MARK} ready`;
      const asked = image ? { files: [image], script: echo(mark) } : { files: [] };
      waiting.push({ mark, messages: [], found: [], seen: !image, resolve });
      at("photopea").src = `${ORIGIN}/#${encodeURIComponent(JSON.stringify(asked))}`;
    });
  }

  // ---- scripts

  // A new layer on top, named after the class and counted on, and the brush in its colour.
  const newLayer = ({ name, photopea: [red, green, blue] }) => `
    var layers = app.activeDocument.layers, most = 0;
    for (var i = 0; i < layers.length; i++) {
      var found = /^${name}_([0-9]+)$/.exec(layers[i].name);
      if (found) most = Math.max(most, Number(found[1]));
    }
    var layer = app.activeDocument.artLayers.add();
    layer.name = "${name}_" + (most + 1);
    var colour = new SolidColor();
    colour.rgb.red = ${red}; colour.rgb.green = ${green}; colour.rgb.blue = ${blue};
    app.foregroundColor = colour;
    app.echoToOE("layer " + layer.name);`;

  const layerNames = `
    var names = [], layers = app.activeDocument.layers;
    for (var i = 0; i < layers.length; i++) names.push([layers[i].name, layers[i].visible]);
    app.echoToOE("names " + JSON.stringify(names));`;

  const onlyLayer = (place) => `
    var layers = app.activeDocument.layers;
    for (var i = 0; i < layers.length; i++) layers[i].visible = i === ${place};
    app.activeDocument.saveToOE("png");`;

  const asBefore = (shown) => `
    var layers = app.activeDocument.layers, shown = ${JSON.stringify(shown)};
    for (var i = 0; i < layers.length; i++) layers[i].visible = shown[i];`;

  // ---- what the user does

  async function begin(row) {
    const said = await run(newLayer(row));
    const layer = said.find((text) => typeof text === "string" && text.startsWith("layer "));
    say(layer ? `Draw on the layer ${layer.slice("layer ".length)}` : "Photopea made no layer; is an image open?");
  }

  async function save(scene, rows) {
    const said = (await run(layerNames)).find((text) => typeof text === "string" && text.startsWith("names "));
    const names = said ? JSON.parse(said.slice("names ".length)) : [];
    const isOurs = ([name]) => rows.some((row) => new RegExp(`^${row.name}_[0-9]+$`).test(name));
    let saved = 0;
    for (const [place, layer] of names.entries()) {
      if (!isOurs(layer)) continue;
      say(`Saving ${layer[0]} …`);
      const content = (await run(onlyLayer(place))).find((one) => one instanceof ArrayBuffer);
      if (!content) continue;
      download(content, `${scene}_${layer[0]}.png`);
      saved += 1;
    }
    await run(asBefore(names.map(([, visible]) => visible)));
    say(saved ? `Saved ${saved} layer${saved === 1 ? "" : "s"}; put them into a folder named ${scene}` : "There is no layer of a class yet");
  }

  function download(content, name) {
    const address = URL.createObjectURL(new Blob([content], { type: "image/png" }));
    const link = document.createElement("a");
    Object.assign(link, { href: address, download: name });
    link.click();
    URL.revokeObjectURL(address);
  }

  // ---- the page

  // What the address asks for. Throws a sentence for what cannot be.
  function asked() {
    const given = new URLSearchParams(location.hash.slice(1));
    const scene = given.get("scene") ?? "scene";
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(scene) || scene.length > LONGEST_ID) throw new Error("The address names no scene");
    if (!given.has("image")) return { scene, image: null };
    let image;
    try {
      image = new URL(given.get("image"), location.href);
    } catch {
      throw new Error("The address names no image");
    }
    if (!["http:", "https:"].includes(image.protocol)) throw new Error("The image must lie on a web server; or open a file");
    return { scene, image: image.href };
  }

  function addButtons(rows) {
    return rows.map((row, place) => {
      const button = document.createElement("button");
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.style.backgroundColor = `rgb(${row.photopea.join(",")})`;
      button.append(chip, row.title);
      Object.assign(button, { type: "button", disabled: true, title: `New layer, key ${place + 1}` });
      button.dataset.class = row.name;
      button.addEventListener("click", () => begin(row));
      at("classes").append(button);
      return button;
    });
  }

  async function main() {
    const rows = globalThis.Cerulean.classes.filter((row) => row.id > 0);
    const buttons = [...addButtons(rows), at("save")];
    const { scene, image } = asked();
    at("scene").textContent = scene;
    document.title = `${scene} in Photopea`;
    at("save").addEventListener("click", () => save(scene, rows));
    at("file").addEventListener("change", async () => {
      const [file] = at("file").files;
      if (!file) return;
      await run("", await file.arrayBuffer());
      say("Choose a class, then draw");
    });
    document.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) buttons[Number(event.key) - 1]?.click();
    });
    window.addEventListener("message", receive);
    await start(image);
    for (const button of buttons) button.disabled = false;
    say(image ? "Choose a class, then draw" : "Open a scene's Background.png");
  }

  main().catch((error) => say(error.message));
})();
