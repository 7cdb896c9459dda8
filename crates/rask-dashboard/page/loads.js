// @ts-check
// Memory, processing and CPU of each worker, side by side; of many workers, how they are distributed and the foremost.

import { h, keyed, panel, setAttribute, setStyle, setText, workerPath } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { histogram } from "./histogram.js";
import { processes, processOf, sharedWords } from "./process.js";
import { byName, store } from "./store.js";

/** More workers than this are shown as distributions, and only the foremost of them as rows. */
const ROWS_MAX = 40;
const FOREMOST = 12;
const DRAW_MS = 250;
/** A worker speaks twice a second, whatever it executes; after so long something is wrong with it. */
const SILENT_S = 5;
/** Names of machines differ at their ends: of a long name so many characters are never cut. */
const NAME_END = 5;
const NAME_SHORT = 8;
/** Shares of the memory limit from which a bar warns, and from which it alarms. */
const WARN = 0.8;
const ALARM = 0.95;

/** @typedef {import("./types.js").WorkerRow} WorkerRow */

/** @type {{id: string, title: string, hint: string, of: (row: WorkerRow) => number, say: (value: number) => string}[]} */
const MEASURES = [
  { id: "memory", title: "Bytes stored", hint: "Dark: values that the worker keeps. Light: the rest of its process. Line: its limit", of: (row) => processOf(row).memory, say: format.bytes },
  { id: "processing", title: "Processing", hint: "Tasks that the worker was given; dark: those that execute", of: (row) => row.processing, say: format.short },
  { id: "cpu", title: "CPU", hint: "Of the worker's process; the whole width is all of its threads busy", of: (row) => processOf(row).cpu ?? 0, say: format.percent },
];

export function loadsPanel() {
  const all = h("a", { class: "more", href: "workers" }, "table");
  const { element, body } = panel("Workers", "loads", all);
  let sorted = "name";
  const heads = MEASURES.map(({ id, title, hint }) => h("button", { type: "button", class: "quiet", title: hint, "aria-pressed": "false", onclick: () => sortBy(id) }, title));
  const head = h("div", { class: "load-row load-head" }, h("button", { type: "button", class: "quiet", onclick: () => sortBy("name") }, "Name"), ...heads);
  const histograms = MEASURES.map((measure) => histogram(measure.say));
  const distribution = h("div", { class: "load-row distributions" }, h("span", { class: "muted" }, "all"), ...histograms.map((one) => one.element));
  const list = h("div", { class: "load-rows" });
  const empty = h("p", { class: "empty" });
  const more = h("p", { class: "muted load-more" });
  const shared = h("p", { class: "muted load-more" }, "Workers share a process: bytes stored and CPU are all of it.");
  body.append(head, distribution, list, more, shared, empty);
  /** @type {Map<number, any>} */
  const made = new Map();

  const draw = throttled(() => {
    const rows = [...store.workers.values()];
    const many = rows.length > ROWS_MAX;
    empty.hidden = rows.length > 0;
    setText(empty, nobodyWords());
    shared.hidden = processes().size === rows.length;
    head.hidden = rows.length === 0;
    distribution.hidden = !many;
    more.hidden = !many;
    element.dataset.density = many || rows.length <= 12 ? "roomy" : rows.length <= 24 ? "close" : "dense";
    if (many) {
      MEASURES.forEach((measure, i) => histograms[i].draw(rows.map(measure.of)));
      setText(more, `the ${FOREMOST} foremost of ${format.count(rows.length)} by ${sorted === "name" ? "memory" : sorted}`);
    }
    const shown = foremost(rows, many && sorted === "name" ? "memory" : sorted, many ? FOREMOST : rows.length);
    const scales = { memory: Math.max(1, ...rows.map(memoryScale)), processing: Math.max(4, ...rows.map((row) => row.processing)) };
    keyed(list, made, shown, (row) => row.id, makeRow, (made, row) => updateRow(made, row, scales));
  }, DRAW_MS);

  /** @param {string} id */
  function sortBy(id) {
    sorted = sorted === id ? "name" : id;
    heads.forEach((button, i) => setAttribute(button, "aria-pressed", String(MEASURES[i].id === sorted)));
    draw.now();
  }

  const end = store.listen(draw.wish);
  draw.now();
  return {
    element,
    leave: () => {
      end();
      draw.end();
    },
  };
}

/** Why there are no workers. */
export function nobodyWords() {
  const wereHere = store.names.size > 0 || [...store.events.values()].some((event) => event.kind === "worker-joined");
  return wereHere ? "No worker is here: all have left." : "No worker has joined yet.";
}

/** @param {WorkerRow[]} rows @param {string} sorted @param {number} max */
function foremost(rows, sorted, max) {
  const named = byName(rows);
  const measure = MEASURES.find(({ id }) => id === sorted);
  if (measure) named.sort((a, b) => measure.of(b) - measure.of(a));
  return named.slice(0, max);
}

/** What a memory bar of this worker must have room for. @param {WorkerRow} row */
function memoryScale(row) {
  const { limit, memory } = processOf(row);
  return Math.max(limit, memory, row.managed_bytes);
}

/** A name on one line that is cut before its end if there is no room. @param {string} name */
function nameOf(name) {
  const letters = Array.from(format.oneLine(name, Infinity));
  const cut = letters.length > NAME_SHORT ? letters.length - NAME_END : letters.length;
  const [start, end] = [letters.slice(0, cut), letters.slice(cut)].map((part) => h("span", {}, part.join("")));
  return h("span", { class: "load-name", dir: "auto" }, start, end);
}

/** @param {WorkerRow} row */
function makeRow(row) {
  const bar = (/** @type {string} */ name) => {
    const back = h("span", { class: "part light" });
    const front = h("span", { class: "part solid" });
    const limit = h("span", { class: "limit", hidden: true });
    const text = h("span", { class: "bar-text tabular" });
    return { element: h("span", { class: `bar bar-${name}` }, back, front, limit, text), back, front, limit, text };
  };
  const bars = { memory: bar("memory"), processing: bar("processing"), cpu: bar("cpu") };
  const element = h("a", { class: "load-row", href: workerPath(row.name) }, nameOf(row.name), bars.memory.element, bars.processing.element, bars.cpu.element);
  return { element, ...bars };
}

/** How near to its limit the memory of a process is. @param {import("./process.js").Process} process */
export function memoryLevel({ memory, limit }) {
  const share = limit ? memory / limit : 0;
  return share >= ALARM ? "alarm" : share >= WARN ? "warn" : "calm";
}

/** @param {any} made @param {WorkerRow} row @param {{memory: number, processing: number}} scales */
function updateRow(made, row, scales) {
  const process = processOf(row);
  const { memory, limit, threads } = process;
  fill(made.memory, row.managed_bytes / scales.memory, memory / scales.memory, format.bytes(memory));
  made.memory.element.dataset.level = memoryLevel(process);
  made.memory.limit.hidden = !limit;
  if (limit) setStyle(made.memory.limit, "left", `${((limit / scales.memory) * 100).toFixed(2)}%`);
  fill(made.processing, Math.min(row.executing, row.processing) / scales.processing, row.processing / scales.processing, format.short(row.processing));
  // By the scheduler's clock at its last word: if the page is cut off itself, the workers are not to blame.
  const silent = row.last_seen !== null && store.at - row.last_seen >= SILENT_S ? format.ago(row.last_seen, store.at) : "";
  const cpu = silent ? 0 : (process.cpu ?? 0) / 100 / Math.max(1, threads);
  fill(made.cpu, cpu, cpu, silent || format.percent(process.cpu));
  const words = wordsOf(row, process) + (silent ? `; it spoke last ${silent}` : "");
  setAttribute(made.element, "title", words);
  setAttribute(made.element, "aria-label", words);
  made.element.classList.toggle("silent", silent !== "");
  made.element.classList.toggle("leaving", row.status !== "running");
}

/** @param {WorkerRow} row @param {import("./process.js").Process} process */
function wordsOf(row, process) {
  const { memory, limit, cpu, threads } = process;
  const whose = sharedWords(process);
  const all = `${format.bytes(memory)} ${whose || "in all"}${limit ? ` of ${format.bytes(limit)}` : ""}`;
  const work = `${row.processing} processing, ${row.executing} executing`;
  return `${row.name}: ${format.bytes(row.managed_bytes)} managed, ${all}; ${work}; CPU ${format.percent(cpu)} on ${format.plural(threads, "thread")}${whose && ` ${whose}`}`;
}

/** @param {any} bar @param {number} solid @param {number} light @param {string} text */
function fill(bar, solid, light, text) {
  const width = (/** @type {number} */ share) => `${(Math.max(0, Math.min(1, share)) * 100).toFixed(1)}%`;
  setStyle(bar.front, "width", width(solid));
  setStyle(bar.back, "width", width(light));
  setText(bar.text, text);
}
