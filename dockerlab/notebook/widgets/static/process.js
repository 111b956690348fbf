import { asker } from "./ask.js";
import { h } from "./dom.js";

/**
 * The process of a container, word by word, each with where it came from; who types other arguments sees another process.
 * @typedef {{ parts: { text: string, source: string, from: string }[], notes: string[] }} Process
 */

/** @param {{ model: import("./ask.js").Model, el: HTMLElement }} context */
function render({ model, el }) {
  const words = /** @type {Record<string, string>} */ (model.get("words"));
  const { ask, stop } = asker(model, words);
  const line = h("ol", { class: "dl-words", "aria-label": words["process"], "aria-live": "polite" });
  const notes = h("ul", { class: "dl-notes" });
  const refused = h("p", { class: "dl-refused", role: "alert", hidden: true });
  let turn = 0;

  const show = (/** @type {Process} */ process) => {
    refused.hidden = true;
    line.replaceChildren(...process.parts.map((one) =>
      h("li", { class: `dl-word dl-source-${one.source.replace("--", "")}` }, h("code", {}, one.text || "''"), h("span", { class: "dl-from" }, one.from))));
    if (!process.parts.length) line.append(h("li", { class: "dl-facts" }, words["no process"]));
    notes.replaceChildren(...process.notes.map((note) => h("li", {}, note)));
    notes.hidden = !process.notes.length;
  };
  const given = /** @type {HTMLInputElement} */ (h("input", {
    class: "dl-filter", type: "text", spellcheck: "false", value: model.get("arguments"), placeholder: words["arguments"], "aria-label": words["arguments"],
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.stopPropagation(),
    oninput: async () => {
      const now = ++turn;
      try {
        const process = await ask("process", { arguments: given.value });
        if (now === turn) show(process);
      } catch (refusal) {
        if (now !== turn) return;
        refused.textContent = /** @type {any} */ (refusal).message;
        refused.hidden = false;
      }
    },
  }));
  show(/** @type {Process} */ (model.get("first")));
  el.classList.add("dockerlab");
  el.append(h("div", { class: "dl-run" }, h("code", {}, `docker run ${model.get("image")}`), given), line, refused, notes);
  return stop;
}

export default { render };
