import { fill, h, sizeText } from "./dom.js";

/**
 * A build as it goes: its steps, stage by stage; above them, where there are several stages, what goes from one to the other.
 * @typedef {{ number: number, stage: string, text: string, inputs: number[], state: string, reason: string, seconds: number, size: number, layer: boolean,
 *   log: string, trace: string[] }} Step
 * @typedef {{ name: string, steps: Step[], depth: number, result: boolean, size: number, row: number }} Stage
 * @typedef {{ from: Stage, to: Stage, text: string, base: boolean }} Edge
 */

/** @param {{ model: import("./ask.js").Model, el: HTMLElement }} context */
function render({ model, el }) {
  const words = /** @type {Record<string, string>} */ (model.get("words"));
  /** @type {Map<number, StepView>} */
  const views = new Map();
  const graph = h("div", { class: "dl-graph", role: "img" });
  const body = h("div");
  const notes = h("ul", { class: "dl-notes" });
  el.classList.add("dockerlab");
  el.append(graph, body, notes);
  let order = "";

  const draw = () => {
    const steps = /** @type {Step[]} */ (model.get("steps"));
    const stages = stagesOf(steps);
    for (const step of steps) {
      const view = views.get(step.number);
      if (view) view.show(step);
      else views.set(step.number, new StepView(step, words));
    }
    const narrow = el.clientWidth > 0 && el.clientWidth < NARROW;
    const now = narrow + stages.map((stage) => [stage.name, stage.result, stage.size, ...stage.steps.map((step) => step.number)].join(" ")).join("|");
    if (now !== order) {
      order = now;
      body.replaceChildren(...stages.flatMap((stage) => [
        stages.length > 1 ? h("h4", { class: "dl-stage-head" }, stage.name || words.build, " ", h("span", {}, role(stage, words))) : "",
        h("ol", { class: "dl-steps" }, ...stage.steps.map((step) => /** @type {StepView} */ (views.get(step.number)).element)),
      ]));
      const edges = edgesOf(stages);
      graph.hidden = stages.length < 2;
      graph.setAttribute("aria-label", `${words.graph}: ${edges.map((edge) => `${edge.from.name} → ${edge.to.name}`).join(", ")}`);
      graph.replaceChildren(...(stages.length > 1 ? [picture(stages, edges, words, narrow)] : []));
    }
    const said = /** @type {string[]} */ (model.get("notes"));
    notes.replaceChildren(...said.map((note) => h("li", {}, note)));
    notes.hidden = !said.length;
  };
  draw();
  for (const name of ["steps", "notes"]) model.on(`change:${name}`, draw);
  const watch = new ResizeObserver(draw);
  watch.observe(el);
  return () => {
    watch.disconnect();
    for (const name of ["steps", "notes"]) model.off(`change:${name}`, draw);
  };
}

/** @param {Stage} stage @param {Record<string, string>} words */
function role(stage, words) {
  if (stage.result) return words["stage result"];
  return stage.size ? fill(words["stage left"], { size: sizeText(stage.size) }) : "";
}

class StepView {
  /** @param {Step} step @param {Record<string, string>} words */
  constructor(step, words) {
    this.words = words;
    this.state = h("span", { class: "dl-step-state" });
    this.why = h("span", { class: "dl-step-why" });
    this.trace = h("ul", { class: "dl-trace", hidden: true });
    this.log = h("pre", { tabindex: "0", "aria-label": fill(words["log of"], { n: step.number }) });
    this.fold = /** @type {HTMLDetailsElement} */ (h("details", { hidden: true }, h("summary", {}, fill(words["log of"], { n: step.number })), this.log));
    this.element = h("li", {},
      h("div", { class: "dl-step-head" },
        h("span", { class: "dl-step-number" }, `#${step.number}`), h("span", { class: "dl-step-text" }, step.text), this.state, this.why),
      this.trace, this.fold);
    this.before = "";
    this.began = Date.now();
    this.timer = 0;
    this.show(step);
  }

  /** @param {Step} step */
  show(step) {
    this.step = step;
    clearInterval(this.timer);
    if (step.state === "running") this.timer = window.setInterval(() => this.element.isConnected && this.told(step), 500);
    this.element.className = `dl-step dl-state-${step.state}`;
    this.told(step);
    this.why.textContent = step.reason;
    this.why.hidden = !step.reason;
    this.trace.hidden = !step.trace.length;
    this.trace.replaceChildren(...step.trace.map((line) => h("li", {}, line)));
    if (step.log !== this.log.textContent) {
      const atEnd = this.log.scrollTop + this.log.clientHeight >= this.log.scrollHeight - 4;
      this.log.textContent = step.log;
      if (atEnd) this.log.scrollTop = this.log.scrollHeight;
    }
    this.fold.hidden = !step.log;
    if (this.before !== step.state) this.fold.open = step.state === "running" || step.state === "failed";
    this.before = step.state;
  }

  /** @param {Step} step */
  told(step) {
    const seconds = step.state === "running" ? (Date.now() - this.began) / 1000 : step.seconds;
    const time = step.state === "cached" || step.state === "canceled" ? "" : ` ${fill(this.words.seconds, { n: seconds.toFixed(1) })}`;
    const size = step.layer && step.size ? ` · ${sizeText(step.size)}` : "";
    this.state.textContent = `${this.words[`state ${step.state}`]}${time}${size}`;
  }
}

/**
 * The stages in the order of their first steps; `depth` is the longest way to them, the result is the one that no other builds on.
 * @param {Step[]} steps
 * @returns {Stage[]}
 */
function stagesOf(steps) {
  /** @type {Map<string, Stage>} */
  const stages = new Map();
  for (const step of steps) {
    const stage = stages.get(step.stage) ?? { name: step.stage, steps: [], depth: 0, result: false, size: 0, row: 0 };
    stage.steps.push(step);
    stage.size += step.size;
    stages.set(step.stage, stage);
  }
  const all = [...stages.values()];
  const edges = edgesOf(all);
  for (let round = 0; round < all.length; round += 1) {
    for (const edge of edges) edge.to.depth = Math.max(edge.to.depth, edge.from.depth + 1);
  }
  const ends = all.filter((stage) => !edges.some((edge) => edge.from === stage));
  if (ends.length === 1) ends[0].result = true;
  return all;
}

/**
 * @param {Stage[]} stages
 * @returns {Edge[]}
 */
function edgesOf(stages) {
  const home = new Map(stages.flatMap((stage) => stage.steps.map((step) => /** @type {[number, Stage]} */ ([step.number, stage]))));
  /** @type {Edge[]} */
  const edges = [];
  for (const stage of stages) {
    for (const step of stage.steps) {
      step.inputs.forEach((number) => {
        const from = home.get(number);
        if (from && from !== stage) edges.push({ from, to: stage, text: step.text, base: step.text.startsWith("FROM") });
      });
    }
  }
  return edges;
}

const WIDE = 150;
const HIGH = 46;
const ACROSS = 130;
const DOWN = 18;
const NARROW = 520; // px of a page in which the graph goes downwards
const SLIM = 122;
const BESIDE = 10;
const BETWEEN = 44;

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @param {string} text @param {number} most */
function clipped(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** @param {Stage[]} stages @param {Edge[]} edges @param {Record<string, string>} words @param {boolean} narrow */
function picture(stages, edges, words, narrow) {
  const rows = /** @type {number[]} */ ([]);
  for (const stage of stages) {
    stage.row = rows[stage.depth] ?? 0;
    rows[stage.depth] = stage.row + 1;
  }
  const wide = narrow ? SLIM : WIDE;
  const left = (/** @type {Stage} */ stage) => 2 + (narrow ? stage.row * (wide + BESIDE) : stage.depth * (wide + ACROSS));
  const top = (/** @type {Stage} */ stage) => 2 + (narrow ? stage.depth * (HIGH + BETWEEN) : stage.row * (HIGH + DOWN));
  const width = Math.max(...stages.map(left)) + wide + (narrow ? 24 : 4);
  const height = Math.max(...stages.map(top)) + HIGH + 4;
  const seen = new Map();
  const lines = edges.map((edge) => {
    const [x1, y1] = narrow ? [left(edge.from) + wide / 2, top(edge.from) + HIGH] : [left(edge.from) + wide, top(edge.from) + HIGH / 2];
    const [x2, y2] = narrow ? [left(edge.to) + wide / 2, top(edge.to)] : [left(edge.to), top(edge.to) + HIGH / 2];
    const way = narrow ? `C${x1} ${y1 + 20} ${x2} ${y2 - 20} ${x2} ${y2 - 6} m-4 -5 l4 6 l4 -6` : `C${x1 + 50} ${y1} ${x2 - 50} ${y2} ${x2 - 6} ${y2} m-5 -4 l6 4 l-6 4`;
    const key = `${edge.from.name} ${edge.to.name}`;
    const nth = seen.get(key) ?? 0;
    seen.set(key, nth + 1);
    const label = clipped(edge.base ? "FROM" : edge.text.replace(/ --\S+/g, "").split(/\s+/).slice(0, 2).join(" "), narrow ? 13 : 19);
    return svg("g", { class: edge.base ? "dl-base-edge" : "" },
      nth ? "" : svg("path", { d: `M${x1} ${y1} ${way}` }),
      svg("text", { class: "dl-edge", ...(narrow ? { x: x1 + 6, y: y1 + 13 + 12 * nth } : { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 5 + 26 * nth, "text-anchor": "middle" }) }, label, svg("title", {}, edge.text)));
  });
  const boxes = stages.map((stage) => svg("g", { class: stage.result ? "dl-result" : "" },
    svg("rect", { x: left(stage), y: top(stage), width: wide, height: HIGH, rx: 5 }),
    svg("text", { x: left(stage) + 10, y: top(stage) + 19, "font-weight": "bold" }, clipped(stage.name || words.build, narrow ? 16 : 20)),
    svg("text", { class: "dl-graph-note", x: left(stage) + 10, y: top(stage) + 35 },
      stage.result ? words["stage result"] : stage.size ? fill(words["stage left short"], { size: sizeText(stage.size) }) : "")));
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...lines, ...boxes);
}

export default { render };
