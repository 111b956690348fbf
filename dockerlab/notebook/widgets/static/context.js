import { asker } from "./ask.js";
import { fill, h, sizeText } from "./dom.js";
import { FileTree } from "./tree.js";

/**
 * A build context: its tree, what is left out greyed with the pattern that did it; below, what each COPY takes.
 * @typedef {{ line: number, instruction: string, files: number, size: number, error: string }} Taken
 */

/** @param {{ model: import("./ask.js").Model, el: HTMLElement }} context */
function render({ model, el }) {
  const words = /** @type {Record<string, string>} */ (model.get("words"));
  const held = /** @type {{ files: number, size: number }} */ (model.get("held"));
  const taken = /** @type {Taken[]} */ (model.get("taken"));
  const { ask, stop } = asker(model, words);
  const refused = h("p", { class: "dl-refused", role: "alert", hidden: true });
  const fail = (/** @type {any} */ refusal) => {
    refused.textContent = refusal.message;
    refused.hidden = false;
  };
  const tree = new FileTree({ words, fail, load: (path) => ask("folder", { path }), sizes: async () => ({}), pick: () => {} });
  tree.name(words.context);
  ask("folder", { path: "/" }).then((entries) => tree.begin(entries), fail);
  const rows = taken.map((one) =>
    h("li", { class: one.error ? "dl-change-D dl-count" : "" },
      h("code", {}, one.instruction), " ",
      fill(words[one.error ? "takes none" : "takes"], { line: one.line, n: one.files, size: sizeText(one.size), why: one.error })));
  el.classList.add("dockerlab");
  el.append(
    h("h3", { class: "dl-context-title" }, `${words.context} `, h("strong", {}, /** @type {string} */ (model.get("root")).split("/").pop() ?? "")),
    h("p", { class: "dl-context-sum" }, fill(words["context sum"], { n: held.files, size: sizeText(held.size) })),
    tree.element, refused, h("ul", { class: "dl-taken", hidden: !rows.length }, ...rows));
  return stop;
}

export default { render };
