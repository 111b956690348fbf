import { asker } from "./ask.js";
import { fill, h } from "./dom.js";

/**
 * ARG and ENV: a row for each line of the Dockerfile, a column for each variable; where it is filled, the variable is there.
 * @typedef {[name: string, kind: string, value: string]} Visible
 * @typedef {{ number: number, text: string, stage: number, sets: string[], visible: Visible[] }} Line
 * @typedef {{ names: string[], lines: Line[], run: Record<string, string>, readable: Record<string, string[]>, told: string[],
 *   arguments: [string, string][], notes: string[] }} Timeline
 */

/** @param {{ model: import("./ask.js").Model, el: HTMLElement }} context */
function render({ model, el }) {
  const words = /** @type {Record<string, string>} */ (model.get("words"));
  const { ask, stop } = asker(model, words);
  const table = h("div", { class: "dl-scroll" });
  const seen = h("div", { class: "dl-seen", "aria-live": "polite" });
  const notes = h("ul", { class: "dl-notes" });
  const refused = h("p", { class: "dl-refused", role: "alert", hidden: true });
  /** @type {Map<string, string>} */
  const given = new Map();
  let turn = 0;
  let chosen = -1;

  const row = (/** @type {Timeline} */ all, /** @type {number} */ at) => {
    const line = all.lines[at];
    const there = new Map(line.visible.map(([name, kind, value]) => [name, { kind, value }]));
    const head = h("button", { class: "dl-line", type: "button", "aria-pressed": at === chosen, onclick: () => { chosen = at === chosen ? -1 : at; show(all); } },
      h("span", { class: "dl-number" }, String(line.number)), h("code", {}, line.text));
    const cells = all.names.map((name) => {
      const one = there.get(name);
      if (!one) return h("td", { "aria-label": fill(words["not there"], { name }) });
      const sets = line.sets.includes(name);
      return h("td", { "aria-label": `${name}=${one.value} (${one.kind})` },
        h("span", { class: `dl-lane dl-kind-${one.kind}${sets ? " dl-sets" : ""}`, title: `${one.kind} ${name}=${one.value}` }, sets ? one.value : ""));
    });
    const first = line.text.startsWith("FROM ");
    return h("tr", { class: `${first ? "dl-from-line" : ""}${at === chosen ? " dl-chosen" : ""}` }, h("th", { scope: "row" }, head), ...cells);
  };

  const ends = (/** @type {Timeline} */ all) => {
    const run = all.names.map((name) => name in all.run
      ? h("td", {}, h("span", { class: "dl-lane dl-kind-ENV dl-sets", title: `${name}=${all.run[name]}` }, all.run[name] || "''"))
      : h("td", { class: "dl-none" }, "–"));
    const history = all.names.map((name) => name in all.readable
      ? h("td", {}, h("span", { class: "dl-told", title: all.readable[name].join("\n") }, fill(words["readable"], { n: all.readable[name].length })))
      : h("td", { class: "dl-none" }, "–"));
    return [
      h("tr", { class: "dl-end" }, h("th", { scope: "row" }, words["at run"]), ...run),
      h("tr", {}, h("th", { scope: "row" }, words["in history"]), ...history),
    ];
  };

  const list = (/** @type {Timeline} */ all) => {
    const line = all.lines[chosen];
    if (!line) {
      seen.replaceChildren(...(all.told.length ? [h("h4", {}, words["in history"]), ...all.told.map((text) => h("code", { class: "dl-history" }, text))] : []));
      return;
    }
    seen.replaceChildren(
      h("h4", {}, fill(words["visible at"], { n: line.number })),
      ...line.visible.map(([name, kind, value]) => h("div", { class: "dl-pair" }, h("code", {}, `${name}=${value}`), h("span", { class: "dl-from" }, words[`kind ${kind}`]))),
      ...(line.visible.length ? [] : [h("p", { class: "dl-facts" }, "–")]),
    );
  };

  const show = (/** @type {Timeline} */ all) => {
    refused.hidden = true;
    const focus = table.contains(document.activeElement);
    const heads = h("tr", {}, h("th", { scope: "col" }, words["instruction"]), ...all.names.map((name) => h("th", { scope: "col" }, h("code", {}, name))));
    table.replaceChildren(h("table", { "aria-label": words["variables"], style: `min-width: calc(var(--dl-first) + ${all.names.length} * 76px)` }, h("thead", {}, heads), h("tbody", {}, ...all.lines.map((_, at) => row(all, at)), ...ends(all))));
    if (focus) /** @type {HTMLElement | null} */ (table.querySelector(`tbody tr:nth-child(${Math.max(chosen, 0) + 1}) button`))?.focus();
    list(all);
    notes.replaceChildren(...all.notes.map((note) => h("li", {}, note)));
    notes.hidden = !all.notes.length;
  };

  const first = /** @type {Timeline} */ (model.get("first"));
  const field = (/** @type {[string, string]} */ [name, value]) => h("label", {}, h("code", {}, `--build-arg ${name}=`), h("input", {
    type: "text", spellcheck: "false", placeholder: value, "aria-label": `--build-arg ${name}`,
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.stopPropagation(),
    oninput: async (/** @type {Event} */ event) => {
      const now = ++turn;
      const text = /** @type {HTMLInputElement} */ (event.target).value;
      if (text) given.set(name, text);
      else given.delete(name);
      try {
        const all = await ask("variables", { arguments: Object.fromEntries(given) });
        if (now === turn) show(all);
      } catch (refusal) {
        if (now !== turn) return;
        refused.textContent = /** @type {any} */ (refusal).message;
        refused.hidden = false;
      }
    },
  }));
  show(first);
  el.classList.add("dockerlab");
  el.append(h("div", { class: "dl-given", hidden: !first.arguments.length }, ...first.arguments.map(field)), refused, table,
    h("p", { class: "dl-key" }, ...["ARG", "ENV"].map((kind) => h("span", {}, h("span", { class: `dl-lane dl-kind-${kind}` }), `${kind}: ${words[`kind ${kind}`]}`))), seen, notes);
  return stop;
}

export default { render };
