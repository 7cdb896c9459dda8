// @ts-check
// Memory, processing and CPU of each worker, side by side; of many workers, how they are distributed and the foremost.

import { h, keyed, panel, setAttribute, setStyle, setText, workerPath } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { histogram } from "./histogram.js";
import { byName, store } from "./store.js";

/** More workers than this are shown as distributions, and only the foremost of them as rows. */
const ROWS_MAX = 40;
const FOREMOST = 12;
const DRAW_MS = 250;
/** Shares of the memory limit from which a bar warns, and from which it alarms. */
export const WARN = 0.8;
export const ALARM = 0.95;

/** @typedef {import("./types.js").WorkerRow} WorkerRow */

/** @type {{id: string, title: string, hint: string, of: (row: WorkerRow) => number, say: (value: number) => string}[]} */
const MEASURES = [
  { id: "memory", title: "Bytes stored", hint: "Dark: values that the worker keeps. Light: the rest of its process. Line: its limit", of: (row) => row.rss_bytes ?? row.managed_bytes, say: format.bytes },
  { id: "processing", title: "Processing", hint: "Tasks that the worker was given; dark: those that execute", of: (row) => row.processing, say: format.short },
  { id: "cpu", title: "CPU", hint: "Of the worker's process; the whole width is all of its threads busy", of: (row) => row.cpu_percent ?? 0, say: format.percent },
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
  const empty = h("p", { class: "empty" }, "No worker has joined yet.");
  const more = h("p", { class: "muted load-more" });
  body.append(head, distribution, list, more, empty);
  /** @type {Map<number, any>} */
  const made = new Map();

  const draw = throttled(() => {
    const rows = [...store.workers.values()];
    const many = rows.length > ROWS_MAX;
    empty.hidden = rows.length > 0;
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

/** @param {WorkerRow[]} rows @param {string} sorted @param {number} max */
function foremost(rows, sorted, max) {
  const named = byName(rows);
  const measure = MEASURES.find(({ id }) => id === sorted);
  if (measure) named.sort((a, b) => measure.of(b) - measure.of(a));
  return named.slice(0, max);
}

/** What a memory bar of this worker must have room for. @param {WorkerRow} row */
const memoryScale = (row) => Math.max(row.memory_limit_bytes, row.rss_bytes ?? 0, row.managed_bytes);

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
  const name = h("span", { class: "load-name" }, row.name);
  const element = h("a", { class: "load-row", href: workerPath(row.name) }, name, bars.memory.element, bars.processing.element, bars.cpu.element);
  return { element, name, ...bars };
}

/** @param {any} made @param {WorkerRow} row @param {{memory: number, processing: number}} scales */
function updateRow(made, row, scales) {
  const rss = row.rss_bytes ?? row.managed_bytes;
  const limit = row.memory_limit_bytes;
  const share = limit ? rss / limit : 0;
  fill(made.memory, row.managed_bytes / scales.memory, rss / scales.memory, format.bytes(rss));
  made.memory.element.dataset.level = share >= ALARM ? "alarm" : share >= WARN ? "warn" : "calm";
  made.memory.limit.hidden = !limit;
  if (limit) setStyle(made.memory.limit, "left", `${((limit / scales.memory) * 100).toFixed(2)}%`);
  fill(made.processing, Math.min(row.executing, row.processing) / scales.processing, row.processing / scales.processing, format.short(row.processing));
  const cpu = (row.cpu_percent ?? 0) / 100 / Math.max(1, row.nthreads);
  fill(made.cpu, cpu, cpu, format.percent(row.cpu_percent));
  const words = `${row.name}: ${format.bytes(row.managed_bytes)} managed, ${format.bytes(rss)} in all${limit ? ` of ${format.bytes(limit)}` : ""}; ${row.processing} processing, ${row.executing} executing; CPU ${format.percent(row.cpu_percent)} on ${format.plural(row.nthreads, "thread")}`;
  setAttribute(made.element, "title", words);
  setAttribute(made.element, "aria-label", words);
  made.element.classList.toggle("leaving", row.status !== "running");
}

/** @param {any} bar @param {number} solid @param {number} light @param {string} text */
function fill(bar, solid, light, text) {
  const width = (/** @type {number} */ share) => `${(Math.max(0, Math.min(1, share)) * 100).toFixed(1)}%`;
  setStyle(bar.front, "width", width(solid));
  setStyle(bar.back, "width", width(light));
  setText(bar.text, text);
}
