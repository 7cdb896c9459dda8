// @ts-check
// The Workers page: all workers in a table.

import { h, setAttribute, setStyle, setText, workerCellLink } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { memoryLevel, nobodyWords } from "./loads.js";
import { processOf, sharedWords } from "./process.js";
import { store } from "./store.js";
import { sortedTable } from "./table.js";

const DRAW_MS = 500;
/** Rates are those of at least so long. */
const RATE_S = 0.9;

/** @typedef {import("./types.js").WorkerRow} WorkerRow */

/** Bytes per second, from counts that successive rows carry. */
class Rates {
  constructor() {
    /** @type {Map<number, {at: number, received: number, sent: number, in: number, out: number}>} */
    this.known = new Map();
  }

  look() {
    const now = store.now();
    for (const id of this.known.keys()) if (!store.workers.has(id)) this.known.delete(id);
    for (const row of store.workers.values()) {
      const [received, sent] = [row.received_bytes ?? 0, row.sent_bytes ?? 0];
      const last = this.known.get(row.id);
      if (!last) this.known.set(row.id, { at: now, received, sent, in: 0, out: 0 });
      else if (now - last.at >= RATE_S) {
        const since = now - last.at;
        Object.assign(last, { at: now, in: (received - last.received) / since, out: (sent - last.sent) / since, received, sent });
      }
    }
  }

  /** @param {WorkerRow} row @param {"in"|"out"} way */
  of(row, way) {
    return Math.max(0, this.known.get(row.id)?.[way] ?? 0);
  }
}

/** @param {WorkerRow} row */
function memoryCell(row) {
  const text = h("span", { class: "tabular" });
  const managed = h("i", { class: "part solid" });
  const all = h("i", { class: "part light" });
  const bar = h("span", { class: "bar bar-memory small", "aria-hidden": "true" }, all, managed);
  const update = (/** @type {WorkerRow} */ row) => {
    const process = processOf(row);
    const { memory, limit } = process;
    const whole = limit || memory || 1;
    setStyle(managed, "width", `${Math.min(100, (row.managed_bytes / whole) * 100).toFixed(1)}%`);
    setStyle(all, "width", `${Math.min(100, (memory / whole) * 100).toFixed(1)}%`);
    bar.dataset.level = memoryLevel(process);
    setText(text, format.bytes(memory));
    say(text, process, `${format.bytes(row.managed_bytes)} managed; limit ${limit ? format.bytes(limit) : "none"}`);
  };
  update(row);
  return { element: h("span", { class: "memory-cell" }, bar, text), update };
}

/** @param {WorkerRow} row */
function cpuCell(row) {
  const element = h("span");
  const update = (/** @type {WorkerRow} */ row) => {
    const process = processOf(row);
    setText(element, format.percent(process.cpu));
    say(element, process, format.plural(process.threads, "thread"));
  };
  update(row);
  return { element, update };
}

/** More of a figure of a process, and whether that is the worker's alone. @param {HTMLElement} figure @param {import("./process.js").Process} process @param {string} more */
function say(figure, process, more) {
  const whose = sharedWords(process);
  figure.classList.toggle("shared", whose !== "");
  setAttribute(figure, "title", whose ? `${figure.textContent} ${whose}; ${more}` : more);
}

/** As long as there is room for. @param {WorkerRow} row */
const addressCell = (row) => ({ element: h("span", { class: "address", title: row.address }, row.address) });

/** @param {Rates} rates @returns {import("./table.js").Column<WorkerRow>[]} */
function columnsOf(rates) {
  return [
    { id: "name", title: "Name", by: (row) => row.name, make: (row) => ({ element: workerCellLink(row.name) }) },
    { id: "memory", title: "Memory", hint: "Of the process; dark in the bar: values that it keeps", number: true, by: (row) => processOf(row).memory, make: memoryCell },
    { id: "processing", title: "Processing", hint: "Tasks given to it", number: true, by: (row) => row.processing, text: (row) => format.count(row.processing) },
    { id: "executing", title: "Executing", hint: "Tasks that execute now", number: true, by: (row) => row.executing, text: (row) => format.count(row.executing) },
    { id: "cpu", title: "CPU", hint: "Of the process; 100 % is one core", number: true, by: (row) => processOf(row).cpu, make: cpuCell },
    { id: "threads", title: "Threads", number: true, by: (row) => row.nthreads, text: (row) => String(row.nthreads) },
    { id: "in-memory", title: "In memory", hint: "Values that it keeps", number: true, by: (row) => row.in_memory, text: (row) => format.count(row.in_memory) },
    { id: "in", title: "In", hint: "Values fetched from others, per second", number: true, by: (row) => rates.of(row, "in"), text: (row) => format.bytesPerSecond(rates.of(row, "in")) },
    { id: "out", title: "Out", hint: "Values sent to others, per second", number: true, by: (row) => rates.of(row, "out"), text: (row) => format.bytesPerSecond(rates.of(row, "out")) },
    { id: "seen", title: "Last seen", number: true, by: (row) => row.last_seen, text: (row) => (row.status === "running" ? format.ago(row.last_seen, store.now()) : row.status.replace("_", " ")) },
    { id: "address", title: "Address", by: (row) => row.address, make: addressCell },
  ];
}

/** @param {HTMLElement} root @returns {import("./types.js").Mounted} */
export function workersPage(root) {
  const rates = new Rates();
  const filter = h("input", { type: "search", placeholder: "name, address or host", "aria-label": "Filter workers", autocomplete: "off", spellcheck: "false" });
  const sum = h("span", { class: "muted tabular", role: "status" });
  const empty = h("p", { class: "empty" });
  const table = sortedTable("Workers", columnsOf(rates), (row) => row.id, () => draw.now());
  root.append(
    h("div", { class: "page-head" }, h("h1", {}, "Workers"), filter, sum),
    h("section", { class: "panel table-wrap" }, table.element, empty),
  );
  const draw = throttled(() => {
    rates.look();
    const wanted = filter.value.trim().toLowerCase();
    const all = [...store.workers.values()];
    const rows = wanted ? all.filter((row) => `${row.name} ${row.address} ${row.host ?? ""}`.toLowerCase().includes(wanted)) : all;
    table.draw(rows);
    setText(sum, wanted ? `${rows.length} of ${format.plural(all.length, "worker")}` : format.plural(all.length, "worker"));
    empty.hidden = rows.length > 0;
    setText(empty, all.length ? "No worker has that in its name, address or host." : `${nobodyWords()} A worker joins by “rask worker ADDRESS”.`);
  }, DRAW_MS);
  filter.addEventListener("input", draw.now);
  const end = store.listen(draw.wish);
  // Rates fall to nothing and times go on although no pulse says so.
  const timer = setInterval(draw.wish, 2000);
  draw.now();
  return {
    title: "Workers",
    leave: () => {
      clearInterval(timer);
      end();
      draw.end();
    },
  };
}
