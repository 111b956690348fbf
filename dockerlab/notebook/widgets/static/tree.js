import { h, sizeText } from "./dom.js";

/**
 * A tree of files that holds in the page only the rows that can be seen: ten thousand cost no more than ten.
 * Arrow keys, Home, End, PageUp, PageDown, Enter and the first letter of a name move in it, as in the tree pattern of the ARIA practices.
 * Of a large folder the names come first, all else of an entry when it is to be seen (`pending` until then).
 * `note` stands behind the name, `dim`: it is there, and not meant; `hint` is shown to who points at it.
 * @typedef {{ name: string, path: string, change: string, kind: string, size: number, link: string, note?: string, dim?: boolean, hint?: string, pending?: boolean }} Entry
 * @typedef {{ names: string[], folders: number, entries: Entry[] }} Folder
 * @typedef {{ entry: Entry, level: number, open: boolean, at: number, of: number }} Row
 * @typedef {{ load: (path: string) => Promise<Entry[] | Folder>, some?: (path: string, first: number, last: number) => Promise<Entry[]>, sizes: (path: string) => Promise<Record<string, number>>, pick: (entry: Entry) => void,
 *   fail: (refusal: any) => void, words: Record<string, string> }} TreeOptions
 */

const ROW = 24; // px
const TALL = 12; // rows that are seen at once
const SPARE = 8; // rows above and below what is seen
const PAGE = 100; // entries that are asked for at once
const GLYPHS = /** @type {Record<string, string>} */ ({ A: "+", C: "~", D: "−", "": "" });

/**
 * @param {string} path
 * @param {Entry[] | Folder} loaded
 * @returns {Entry[]}
 */
function entriesOf(path, loaded) {
  if (Array.isArray(loaded)) return loaded;
  const above = path === "/" ? "" : path;
  return loaded.names.map((name, at) => loaded.entries[at]
    ?? { name, path: `${above}/${name}`, change: "", kind: at < loaded.folders ? "dir" : "file", size: 0, link: "", pending: true });
}

/** @param {Entry} entry */
function folderOf(entry) {
  return entry.path.slice(0, entry.path.lastIndexOf("/")) || "/";
}

/** @param {Entry} entry */
function opens(entry) {
  return entry.kind === "dir" && entry.change !== "D" && !entry.dim;
}

export class FileTree {
  /** @param {TreeOptions} options */
  constructor(options) {
    this.options = options;
    this.id = `dockerlab-tree-${Math.random().toString(36).slice(2)}`; // each picture is a module of its own: none could count the others' trees
    /** @type {Row[]} */
    this.rows = [];
    this.active = 0;
    /** @type {Map<string, number>} */
    this.totals = new Map();
    /** @type {Set<string>} */
    this.asked = new Set();
    this.turn = 0;
    this.field = h("div", { class: "dl-tree-field", role: "presentation" });
    this.element = h("div", {
      class: "dl-tree",
      role: "tree",
      tabindex: "0",
      onscroll: () => this.draw(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
    }, this.field);
  }

  /** @param {string} label */
  name(label) {
    this.element.setAttribute("aria-label", label);
  }

  /**
   * Begin with what lies at the top.
   * @param {Entry[] | Folder} loaded
   */
  begin(loaded) {
    const entries = entriesOf("/", loaded);
    this.turn += 1;
    this.totals.clear();
    this.asked.clear();
    this.rows = entries.map((entry, at) => ({ entry, level: 1, open: false, at: at + 1, of: entries.length }));
    this.active = 0;
    this.element.scrollTop = 0;
    this.draw();
    this.measure("/");
  }

  /**
   * Show a list of paths instead, each with its whole path.
   * @param {Entry[]} entries
   */
  list(entries) {
    this.turn += 1;
    this.totals.clear();
    this.rows = entries.map((entry, at) => ({
      entry: { ...entry, name: entry.path, kind: entry.kind === "dir" ? "folder" : entry.kind },
      level: 1, open: false, at: at + 1, of: entries.length,
    }));
    this.active = 0;
    this.element.scrollTop = 0;
    this.draw();
  }

  /** @param {string} path */
  async measure(path) {
    const turn = this.turn;
    try {
      const sizes = await this.options.sizes(path);
      if (turn !== this.turn) return;
      for (const [name, bytes] of Object.entries(sizes)) this.totals.set(`${path === "/" ? "" : path}/${name}`, bytes);
      this.draw();
    } catch (refusal) {
      // sizes of folders are an extra: the rows stand without them
    }
  }

  /** @param {number} index */
  async toggle(index) {
    const row = this.rows[index];
    if (!row || !opens(row.entry)) return;
    if (row.open) {
      row.open = false;
      let end = index + 1;
      while (end < this.rows.length && this.rows[end].level > row.level) end += 1;
      this.rows.splice(index + 1, end - index - 1);
      this.draw();
      return;
    }
    const turn = this.turn;
    row.open = true;
    try {
      const entries = entriesOf(row.entry.path, await this.options.load(row.entry.path));
      const here = this.rows.indexOf(row);
      if (turn !== this.turn || here < 0 || !row.open || (this.rows[here + 1]?.level ?? 0) > row.level) return;
      const inner = entries.map((entry, at) => ({ entry, level: row.level + 1, open: false, at: at + 1, of: entries.length }));
      this.rows = [...this.rows.slice(0, here + 1), ...inner, ...this.rows.slice(here + 1)];
      if (this.active > here) this.active += inner.length;
      this.draw();
      this.measure(row.entry.path);
    } catch (refusal) {
      row.open = false;
      this.draw();
      this.options.fail(refusal);
    }
  }

  /**
   * Ask for what is not known yet of the rows from one index to another.
   * @param {number} first
   * @param {number} last
   */
  complete(first, last) {
    for (let index = first; index < last; index += 1) {
      const { entry, at } = this.rows[index];
      const page = Math.floor((at - 1) / PAGE);
      const key = `${page} ${folderOf(entry)}`;
      if (!entry.pending || !this.options.some || this.asked.has(key)) continue;
      this.asked.add(key);
      this.fill(folderOf(entry), page * PAGE, (page + 1) * PAGE).finally(() => this.asked.delete(key));
    }
  }

  /**
   * @param {string} folder
   * @param {number} first
   * @param {number} last
   */
  async fill(folder, first, last) {
    const turn = this.turn;
    try {
      const entries = await /** @type {NonNullable<TreeOptions["some"]>} */ (this.options.some)(folder, first, last);
      if (turn !== this.turn) return;
      for (const row of this.rows) {
        if (row.entry.pending && row.at > first && row.at <= last && folderOf(row.entry) === folder) row.entry = entries[row.at - 1 - first] ?? { ...row.entry, pending: false };
      }
      this.draw();
    } catch (refusal) {
      this.options.fail(refusal);
    }
  }

  draw() {
    this.field.style.height = `${this.rows.length * ROW}px`;
    this.element.style.height = `${Math.min(TALL, Math.max(1, this.rows.length)) * ROW + 2}px`;
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - SPARE);
    const last = Math.min(this.rows.length, first + Math.ceil(this.element.clientHeight / ROW) + 2 * SPARE);
    const shown = [];
    for (let index = first; index < last; index += 1) shown.push(this.row(index));
    this.field.replaceChildren(...shown);
    this.complete(first, last);
    if (this.rows.length) this.element.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  row(index) {
    const { entry, level, open, at, of } = this.rows[index];
    const { words } = this.options;
    const folder = opens(entry);
    const size = entry.kind === "dir" ? this.totals.get(entry.path) ?? (entry.size || undefined) : entry.size;
    const told = size === undefined || entry.pending || entry.kind === "symlink" || (entry.kind === "dir" && !size) ? "" : sizeText(size);
    const change = words[`change ${entry.change}`] ?? "";
    const kind = words[`kind ${entry.kind}`] ?? entry.kind;
    const row = h("div", {
      class: `dl-row dl-change-${entry.change || "none"}${entry.dim ? " dl-dim" : ""}${index === this.active ? " dl-active" : ""}`,
      role: "treeitem",
      id: `${this.id}-${index}`,
      style: `top:${index * ROW}px; padding-inline-start:${8 + (level - 1) * 16}px`,
      "aria-level": level,
      "aria-posinset": at,
      "aria-setsize": of,
      "aria-selected": String(index === this.active),
      "aria-expanded": folder ? String(open) : null,
      "aria-label": [entry.name, kind, change, told, entry.note].filter(Boolean).join(", "),
      title: entry.hint ?? entry.path,
      onclick: () => this.choose(index),
    },
    h("span", { class: "dl-twist", "aria-hidden": "true" }, folder ? (open ? "▾" : "▸") : ""),
    h("span", { class: "dl-glyph", "aria-hidden": "true" }, GLYPHS[entry.change] ?? ""),
    h("span", { class: "dl-name" }, entry.name, entry.kind === "dir" || entry.kind === "folder" ? "/" : ""),
    entry.link ? h("span", { class: "dl-link" }, ` → ${entry.link}`) : null,
    entry.note ? h("span", { class: "dl-link" }, entry.note) : null,
    h("span", { class: "dl-size" }, told));
    return row;
  }

  /** @param {number} index */
  choose(index) {
    this.move(index);
    const { entry } = this.rows[index];
    if (entry.kind === "dir") this.toggle(index);
    else this.options.pick(entry);
  }

  /** @param {number} index */
  move(index) {
    if (!this.rows.length) return;
    this.active = Math.max(0, Math.min(this.rows.length - 1, index));
    const top = this.active * ROW;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight) this.element.scrollTop = top + ROW - clientHeight;
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.rows[this.active];
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.move(this.active + 1),
      ArrowUp: () => this.move(this.active - 1),
      PageDown: () => this.move(this.active + page),
      PageUp: () => this.move(this.active - page),
      Home: () => this.move(0),
      End: () => this.move(this.rows.length - 1),
      Enter: () => row && this.choose(this.active),
      " ": () => row && this.choose(this.active),
      ArrowRight: () => {
        if (!row || row.entry.kind !== "dir") return;
        if (!row.open) this.toggle(this.active);
        else if ((this.rows[this.active + 1]?.level ?? 0) > row.level) this.move(this.active + 1);
      },
      ArrowLeft: () => {
        if (!row) return;
        if (row.open) this.toggle(this.active);
        else {
          let above = this.active;
          while (above >= 0 && this.rows[above].level >= row.level) above -= 1;
          this.move(above);
        }
      },
    };
    const act = keys[event.key] ?? (event.key.length === 1 ? () => this.letter(event.key) : null);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has shortcuts of its own
    act();
  }

  /** @param {string} key */
  letter(key) {
    const after = [...this.rows.keys()].map((n) => (this.active + 1 + n) % this.rows.length);
    const found = after.find((n) => this.rows[n].entry.name.toLowerCase().startsWith(key.toLowerCase()));
    if (found !== undefined) this.move(found);
  }
}
