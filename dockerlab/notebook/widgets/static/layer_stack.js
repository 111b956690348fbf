import { asker } from "./ask.js";
import { bandParts } from "./bands.js";
import { fill, h, sizeText } from "./dom.js";
import { FileTree } from "./tree.js";

/**
 * An image's layers as a stack, the base at the bottom; beside it what the chosen layer does to the files below it.
 * @typedef {import("./bands.js").Band} Band
 * @typedef {{ name: string, size: number, bands: Band[] }} Image
 */

/** @param {{ model: import("./ask.js").Model, el: HTMLElement }} context */
function render({ model, el }) {
  const words = /** @type {Record<string, string>} */ (model.get("words"));
  const images = /** @type {Image[]} */ (model.get("images"));
  const shared = /** @type {number} */ (model.get("shared")); // layers from the bottom that all of them have
  const { ask, stop } = asker(model, words);
  const largest = Math.max(1, ...images.flatMap((image) => image.bands.map((band) => band.size)));
  /** @type {HTMLElement[]} */
  const buttons = [];
  let chosen = { image: 0, number: 0 };
  let turn = 0;

  const refused = h("p", { class: "dl-refused", role: "alert", hidden: true });
  const fail = (/** @type {any} */ refusal) => {
    refused.textContent = [refusal.message, refusal.hint].filter(Boolean).join(" — ");
    refused.hidden = false;
  };
  const about = () => ({ image: chosen.image, number: chosen.number });
  const preview = h("pre", { class: "dl-preview", tabindex: "0", hidden: true });
  const tree = new FileTree({
    words,
    fail,
    load: (path) => ask("folder", { ...about(), path }),
    some: (path, first, last) => ask("some", { ...about(), path, first, last }),
    sizes: (path) => ask("sizes", { ...about(), path }),
    pick: async (entry) => {
      const now = turn;
      try {
        const file = await ask("file", { ...about(), path: entry.path });
        if (now !== turn) return;
        const said = [entry.path, entry.change === "D" ? words["as it was"] : "", file.note].filter(Boolean).join(" — ");
        const head = h("span", { class: "dl-preview-head" }, said);
        preview.replaceChildren(head, "\n", file.text);
        preview.setAttribute("aria-label", entry.path);
        preview.hidden = false;
      } catch (refusal) {
        fail(refusal);
      }
    },
  });

  const title = h("h4", { class: "dl-layer-title" });
  const facts = h("p", { class: "dl-facts" });
  const holders = h("p", { class: "dl-holders" });
  const found = h("span", { class: "dl-found", role: "status" });
  let pause = 0;
  const filter = /** @type {HTMLInputElement} */ (h("input", {
    class: "dl-filter",
    type: "search",
    placeholder: words.filter,
    "aria-label": words.filter,
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.stopPropagation(),
    oninput: () => {
      clearTimeout(pause);
      pause = window.setTimeout(search, 120);
    },
  }));
  const files = h("section", { class: "dl-files", hidden: true },
    title, facts, holders, h("div", { class: "dl-search" }, filter, found), tree.element, preview);

  async function search() {
    const now = ++turn;
    const text = filter.value.trim();
    preview.hidden = refused.hidden = true;
    try {
      if (!text) {
        const entries = await ask("folder", { ...about(), path: "/" });
        if (now !== turn) return;
        found.textContent = "";
        tree.begin(entries);
        return;
      }
      const { entries, total } = await ask("find", { ...about(), text });
      if (now !== turn) return;
      found.textContent = fill(total > entries.length ? words["found some"] : words.found, { n: total, shown: entries.length });
      tree.list(entries);
    } catch (refusal) {
      fail(refusal);
    }
  }

  /** @param {number} image @param {Band} band @param {HTMLElement} button */
  async function choose(image, band, button) {
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    chosen = { image, number: band.number };
    const now = ++turn;
    filter.value = found.textContent = facts.textContent = holders.textContent = "";
    title.textContent = `${fill(words.layer, { n: band.number })}: ${band.text}`;
    refused.hidden = preview.hidden = true;
    files.hidden = false;
    tree.name(title.textContent);
    try {
      const entries = await ask("folder", { ...about(), path: "/" });
      if (now !== turn) return;
      tree.begin(entries);
      const layer = await ask("layer", about());
      if (now !== turn) return;
      facts.replaceChildren(
        ...["A", "C", "D"].filter((kind) => layer.counts[kind]).map((kind) =>
          h("span", { class: `dl-count dl-change-${kind}` }, fill(words[`count ${kind}`], { n: layer.counts[kind] }))),
        layer.empty ? words["empty layer"] : "");
      holders.textContent = layer.holders.length ? fill(words["shared with"], { what: layer.holders.join(", ") }) : words["not shared"];
    } catch (refusal) {
      fail(refusal);
    }
  }

  /** @param {number} image @param {Band} band */
  function drawn(image, band) {
    if (!band.number) {
      return h("div", { class: "dl-band dl-metadata", title: band.text },
        h("span", { class: "dl-text" }, band.text), h("span", { class: "dl-note" }, words.metadata));
    }
    const button = h("button", {
      class: `dl-band dl-layer${band.own ? " dl-own" : ""}`,
      type: "button",
      "aria-pressed": "false",
      title: band.text,
      onclick: () => choose(image, band, button),
    },
    ...bandParts(band, largest));
    buttons.push(button);
    return button;
  }

  /** @param {number} image @param {Band[]} bands @param {string} label */
  const column = (image, bands, label) => h("div", { class: "dl-column", role: "group", "aria-label": label }, ...bands.map((band) => drawn(image, band)));
  const below = (/** @type {Image} */ image) => {
    const first = shared ? image.bands.findIndex((band) => band.number === shared) : image.bands.length;
    return [image.bands.slice(0, first), image.bands.slice(first)];
  };
  const heads = images.map((image) =>
    h("h3", { class: "dl-title" }, h("span", { class: "dl-what" }, `${words.image} `), image.name,
      h("span", { class: "dl-sum" }, ` ${fill(words.layers, { n: image.bands.filter((band) => band.number).length })}, ${sizeText(image.size)}`)));
  const stacks = h("section", { class: `dl-stacks dl-stacks-${images.length}` });
  if (images.length === 1) stacks.append(heads[0], column(0, images[0].bands, images[0].name));
  else {
    images.forEach((image, at) => stacks.append(h("div", { class: "dl-side" }, heads[at], column(at, below(image)[0], image.name))));
    if (shared) {
      const label = words["shared base"];
      stacks.append(h("div", { class: "dl-base" }, column(0, below(images[0])[1], label), h("p", { class: "dl-base-note" }, label)));
    }
  }
  el.classList.add("dockerlab");
  el.append(h("div", { class: "dl-layer-stack" }, stacks, files), refused);
  return stop;
}

export default { render };
