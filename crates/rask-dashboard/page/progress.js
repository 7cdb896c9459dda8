// @ts-check
// Progress: a stacked bar for each task prefix, the busy ones on top; what is finished fades, and can be put away.

import { onColours, prefixColour } from "./colours.js";
import { h, keyed, panel, setAttribute, setStyle, setText, shownKey, tasksPath } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { PREFIXES_MAX, store } from "./store.js";

const DRAW_MS = 250;
/** Rows beyond this are too many to look at; the rest is said in a line. */
const ROWS_MAX = 100;
/** A prefix whose tasks come and go keeps its place for as long as this after the last; it would jump twice a second. */
const LINGER_MS = 3000;

/** @typedef {import("./types.js").PrefixRow} PrefixRow */

/** The parts of a bar, in their order. @type {{state: string, word: string, of: (row: PrefixRow) => number}[]} */
export const PARTS = [
  { state: "memory", word: "in memory", of: (row) => row.memory },
  { state: "released", word: "released", of: (row) => row.released },
  { state: "erred", word: "erred", of: (row) => row.erred },
  { state: "given-up", word: "given up", of: (row) => row.given_up },
  { state: "processing", word: "processing", of: (row) => row.processing },
  { state: "queued", word: "queued", of: (row) => row.queued },
  { state: "waiting", word: "waiting", of: (row) => row.waiting },
  { state: "no-worker", word: "no worker for them", of: (row) => row.no_worker },
];

/** Tasks of a prefix that are still to do. @param {PrefixRow} row */
const open = (row) => row.processing + row.queued + row.waiting + row.no_worker;

/** @param {PrefixRow} row */
const done = (row) => row.memory + row.released;

/**
 * What a prefix has come to: another task of it, or another execution, makes that differ, however fast it ends. What raised and
 * is then forgotten counts as given up, which is nothing new.
 * @param {PrefixRow} row
 */
const sofar = (row) => [row.total, row.finished, row.raised, row.erred + row.given_up].join(" ");

/** In words: "12 processing, 3 waiting". @param {PrefixRow} row */
export function countsOf(row) {
  return PARTS.filter((part) => part.of(row)).map((part) => `${format.count(part.of(row))} ${part.word}`).join(", ");
}

export function progressPanel() {
  const sum = h("span", { class: "beside muted tabular" });
  const clear = h("button", { type: "button", class: "quiet", hidden: true }, "Clear finished");
  const legend = PARTS.map(({ state }) => h("span", { hidden: true }, h("i", { class: "swatch", "data-state": state }), state));
  const { element, body } = panel("Progress", "progress", sum, clear, h("span", { class: "legend" }, ...legend));
  const list = h("div", { class: "progress-rows", role: "list" });
  const empty = h("p", { class: "empty" });
  const more = h("p", { class: "muted" });
  body.append(list, more, empty);
  /** @type {Map<string, any>} */
  const made = new Map();
  /** @type {Map<string, string>} cleared prefixes, with what they had come to: any more brings a row back */
  const cleared = new Map();
  /** @type {Map<string, number>} when each prefix last had something to do, as `store.receivedMs` */
  let openMs = new Map();
  const busy = (/** @type {PrefixRow} */ row) => store.receivedMs - (openMs.get(row.prefix) ?? -Infinity) < LINGER_MS;

  const draw = throttled(() => {
    const rows = visible(cleared);
    openMs = new Map(rows.map((row) => [row.prefix, open(row) ? store.receivedMs : (openMs.get(row.prefix) ?? -Infinity)]));
    sortRows(rows, busy);
    empty.hidden = rows.length > 0;
    setText(empty, cleared.size ? "All that had finished was cleared. What comes next shows up here." : "No tasks yet. What is submitted to the cluster shows up here.");
    clear.hidden = !rows.some((row) => !open(row));
    more.hidden = rows.length <= ROWS_MAX;
    const others = format.count(rows.length - ROWS_MAX);
    setText(more, store.prefixes.size < PREFIXES_MAX ? `and ${others} more` : `and ${others} more; of so many prefixes this page knows those that changed last`);
    const total = rows.reduce((all, row) => all + row.total, 0);
    setText(sum, rows.length ? `${format.count(rows.reduce((all, row) => all + done(row), 0))} of ${format.count(total)} done` : "");
    // Once seen, a state stays explained: states come and go.
    PARTS.forEach((part, i) => (legend[i].hidden &&= !rows.some(part.of)));
    keyed(list, made, rows.slice(0, ROWS_MAX), (row) => row.prefix, makeRow, (shown, row) => updateRow(shown, row, busy(row)));
  }, DRAW_MS);

  clear.addEventListener("click", () => {
    for (const row of store.prefixes.values()) if (!open(row)) cleared.set(row.prefix, sofar(row));
    draw.now();
  });
  const ends = [store.listen(draw.wish), onColours(draw.now)];
  draw.now();
  return {
    element,
    leave: () => {
      for (const end of ends) end();
      draw.end();
    },
  };
}

/** @param {Map<string, string>} cleared */
function visible(cleared) {
  const rows = [];
  for (const prefix of cleared.keys()) if (!store.prefixes.has(prefix)) cleared.delete(prefix);
  for (const row of store.prefixes.values()) {
    if (!open(row) && cleared.get(row.prefix) === sofar(row)) continue;
    cleared.delete(row.prefix);
    if (row.total > 0) rows.push(row);
  }
  return rows;
}

/**
 * The busy ones first, then what raised; within, upstream before downstream, so that a bar does not jump.
 * @param {PrefixRow[]} rows @param {(row: PrefixRow) => boolean} busy
 */
function sortRows(rows, busy) {
  const depths = depthsOf(rows);
  const depth = (/** @type {PrefixRow} */ row) => depths.get(row.prefix) ?? 0;
  const rank = (/** @type {PrefixRow} */ row) => (busy(row) ? 0 : row.erred ? 1 : 2);
  rows.sort((a, b) => rank(a) - rank(b) || depth(a) - depth(b) || a.prefix.localeCompare(b.prefix));
}

/** How many prefixes lie upstream in a line; circles between prefixes are cut. @param {PrefixRow[]} rows */
function depthsOf(rows) {
  const known = new Map(rows.map((row) => [row.prefix, row]));
  /** @type {Map<string, number>} */
  const depths = new Map();
  const visit = (/** @type {string} */ prefix, /** @type {number} */ level) => {
    const found = depths.get(prefix);
    if (found !== undefined || level > 64) return found ?? 0;
    depths.set(prefix, 0);
    let depth = 0;
    for (const need of known.get(prefix)?.needs ?? []) if (need !== prefix && known.has(need)) depth = Math.max(depth, visit(need, level + 1) + 1);
    depths.set(prefix, depth);
    return depth;
  };
  for (const row of rows) visit(row.prefix, 0);
  return depths;
}

/** @param {PrefixRow} row */
function makeRow(row) {
  const swatch = h("i", { class: "swatch" });
  const parts = PARTS.map(({ state }) => h("i", { class: "part", "data-state": state }));
  const name = h("a", { class: "progress-name", href: tasksPath(row.prefix), title: row.prefix }, h("bdi", {}, shownKey(row.prefix)));
  const amount = h("span", { class: "progress-amount tabular" });
  const [erred, others] = [h("span", { class: "bad" }), h("span")];
  const rest = h("span", { class: "progress-rest muted tabular" }, erred, others);
  const mean = h("span", { class: "progress-mean muted tabular", title: "Mean duration, the newest executions weighing most" });
  const stack = h("span", { class: "stack", role: "img" }, ...parts);
  return { element: h("div", { class: "progress-row", role: "listitem" }, swatch, name, stack, amount, mean, rest), swatch, parts, amount, erred, others, mean, stack };
}

/** @param {any} made @param {PrefixRow} row @param {boolean} busy */
function updateRow(made, row, busy) {
  const total = Math.max(1, row.total, PARTS.reduce((all, part) => all + part.of(row), 0));
  PARTS.forEach((part, i) => {
    const share = part.of(row) / total;
    // One task in a million that erred must be seen.
    setStyle(made.parts[i], "width", share ? `max(2px, ${(share * 100).toFixed(2)}%)` : "0");
  });
  setStyle(made.swatch, "background", prefixColour(row.prefix));
  setText(made.amount, `${format.count(done(row))} / ${format.count(row.total)}`);
  setText(made.mean, row.mean_s === null ? "" : format.duration(row.mean_s));
  const rest = PARTS.slice(3).filter((part) => part.of(row));
  setText(made.erred, row.erred ? `${format.count(row.erred)} erred` : "");
  setText(made.others, (row.erred && rest.length ? " · " : "") + rest.map((part) => `${format.short(part.of(row))} ${part.state}`).join(" · "));
  setAttribute(made.stack, "aria-label", countsOf(row));
  setAttribute(made.stack, "title", countsOf(row));
  made.element.classList.toggle("finished", !busy && !row.erred);
}

