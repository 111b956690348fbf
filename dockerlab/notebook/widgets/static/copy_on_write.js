import { asker } from "./ask.js";
import { bandParts } from "./bands.js";
import { fill, h, sizeText } from "./dom.js";

/**
 * Containers of one image: a writable layer each, above read-only layers that are there once. It follows the containers as they run.
 * @typedef {{ kind: string, path: string, size: number, below: number, folder: boolean, layer: number }} Written
 * @typedef {{ name: string, status: string, written: Written[], total: number, committed: string[] }} State
 * @typedef {{ image: string, bands: import("./bands.js").Band[], containers: State[] }} Group
 */

const EVERY = 1000; // ms between two looks
const GLYPH = /** @type {Record<string, string>} */ ({ A: "+", C: "~", D: "−" });

/** @param {{ model: import("./ask.js").Model, el: HTMLElement }} context */
function render({ model, el }) {
  const words = /** @type {Record<string, string>} */ (model.get("words"));
  const groups = /** @type {Group[]} */ (model.get("groups"));
  const { ask, stop } = asker(model, words);
  const drawn = groups.map((group) => new GroupView(group, words, ask));
  const quiet = h("p", { class: "dl-facts", role: "status" });
  el.classList.add("dockerlab");
  el.append(...drawn.map((one) => one.element), quiet);

  let gone = false;
  const follow = async () => {
    if (gone) return;
    if (document.visibilityState === "visible" && el.isConnected) {
      try {
        for (const one of drawn) await one.look();
        quiet.textContent = "";
      } catch (refusal) {
        quiet.textContent = /** @type {any} */ (refusal).message;
      }
    }
    if (!gone) window.setTimeout(follow, EVERY);
  };
  window.setTimeout(follow, EVERY);
  return () => {
    gone = true;
    stop();
  };
}

class GroupView {
  /** @param {Group} group @param {Record<string, string>} words @param {import("./ask.js").Ask} ask */
  constructor(group, words, ask) {
    this.words = words;
    this.ask = ask;
    this.names = group.containers.map((state) => state.name);
    const largest = Math.max(1, ...group.bands.map((band) => band.size));
    /** @type {Map<number, HTMLElement>} */
    this.bands = new Map(group.bands.map((band) => [
      band.number, h("div", { class: `dl-band dl-layer${band.own ? " dl-own" : ""}`, title: band.text }, ...bandParts(band, largest)),
    ]));
    this.boxes = group.containers.map((state) => new WritableBox(state, words, (layer) => this.point(layer)));
    this.answer = h("p", { class: "dl-answer", role: "status" });
    const path = /** @type {HTMLInputElement} */ (h("input", {
      class: "dl-filter", type: "text", spellcheck: "false", placeholder: "/etc/passwd", "aria-label": words["read a path"],
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.stopPropagation(),
    }));
    const reading = h("form", {
      class: "dl-search",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        this.read(path.value.trim());
      },
    }, h("span", { class: "dl-facts" }, words["read a path"]), path, h("button", { class: "dl-button", type: "submit" }, words["who answers"]));
    const base = fill(group.containers.length > 1 ? words["read-only of all"] : words["read-only"], { n: group.containers.length });
    this.element = h("section", { class: "dl-cow" },
      h("div", { class: `dl-writables dl-writables-${Math.min(this.boxes.length, 4)}` }, ...this.boxes.map((box) => box.element)),
      h("h3", { class: "dl-title" }, base, " ", h("span", { class: "dl-what" }, `(${group.image})`)),
      h("div", { class: "dl-column", role: "group", "aria-label": base }, ...this.bands.values()),
      reading, this.answer);
  }

  async look() {
    for (const box of this.boxes) box.show(await this.ask("state", { container: box.name }));
  }

  /**
   * Light up the layer that a line is about (0: none).
   * @param {number} layer
   */
  point(layer) {
    for (const [number, band] of this.bands) band.classList.toggle("dl-lit", number === layer);
  }

  /** @param {string} path */
  async read(path) {
    if (!path) return;
    const { words } = this;
    const said = [];
    let lit = 0;
    for (const box of this.boxes) {
      try {
        const { layer, hidden } = await this.ask("reading", { container: box.name, path });
        const text = layer > 0 ? words["layer answers"] : layer === 0 ? words["own answers"] : hidden ? words["hidden answers"] : words["none answers"];
        said.push(`${box.name}: ${fill(text, { n: layer })}`);
        box.element.classList.toggle("dl-lit", layer === 0);
        if (layer > 0) lit = layer;
      } catch (refusal) {
        said.push(/** @type {any} */ (refusal).message);
      }
    }
    this.point(lit);
    this.answer.replaceChildren(...said.map((line) => h("span", {}, line)));
  }
}

class WritableBox {
  /** @param {State} state @param {Record<string, string>} words @param {(layer: number) => void} point */
  constructor(state, words, point) {
    this.name = state.name;
    this.words = words;
    this.point = point;
    /** @type {Set<string> | null} */
    this.known = null;
    this.status = h("span", { class: "dl-sum" });
    this.kind = h("p", { class: "dl-kind" });
    this.lines = h("ul", { class: "dl-written", tabindex: "0" });
    this.element = h("section", { class: "dl-writable", "aria-label": `${words.container} ${state.name}` },
      h("h3", { class: "dl-title" }, h("span", { class: "dl-what" }, `${words.container} `), state.name, " ", this.status), this.kind, this.lines);
    this.show(state);
  }

  /** @param {State} state */
  show(state) {
    const { words } = this;
    this.status.textContent = words[`status ${state.status}`] ?? state.status;
    this.element.classList.toggle("dl-gone", state.status === "removed");
    this.element.classList.toggle("dl-committed", state.committed.length > 0);
    this.kind.textContent = state.committed.length ? fill(words.committed, { what: state.committed.join(", ") }) : words.writable;
    const keys = state.written.map((line) => `${line.kind} ${line.path} ${line.size}`);
    if (this.known && keys.length === this.known.size && keys.every((key) => this.known?.has(key))) return;
    const rows = state.written.map((line, at) => this.line(line, this.known !== null && !this.known.has(keys[at])));
    if (!rows.length) rows.push(h("li", { class: "dl-none" }, words[state.status === "removed" ? "layer gone" : "unchanged"]));
    if (state.total > state.written.length) rows.push(h("li", { class: "dl-none" }, fill(words.more, { n: state.total - state.written.length })));
    this.lines.replaceChildren(...rows);
    this.known = new Set(keys);
  }

  /** @param {Written} line @param {boolean} fresh */
  line(line, fresh) {
    const { words } = this;
    let note = "";
    if (line.layer && line.kind === "D") note = fill(words.hides, { n: line.layer });
    else if (line.layer && !line.folder) note = fill(words["copied up"], { n: line.layer }) + ` (${sizeText(line.below)})`;
    else if (line.kind === "A" && !line.folder) note = sizeText(line.size);
    return h("li", {
      class: `dl-line dl-change-${line.kind}${fresh ? " dl-fresh" : ""}`,
      onmouseenter: () => this.point(line.layer),
      onmouseleave: () => this.point(0),
    },
    h("span", { class: "dl-glyph", "aria-hidden": "true" }, GLYPH[line.kind]),
    h("span", { class: "dl-hidden" }, `${words[`change ${line.kind}`]} `),
    h("span", { class: "dl-name" }, line.path, line.folder ? "/" : ""),
    h("span", { class: "dl-size" }, note));
  }
}

export default { render };
