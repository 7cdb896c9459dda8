// @ts-check
// The processes that workers live in. Several workers may share one: each says then what all of it uses, and its own limit.

import * as format from "./format.js";
import { store } from "./store.js";

/** @typedef {import("./types.js").WorkerRow} WorkerRow */

/**
 * @typedef {object} Process
 * @property {number} workers that share it
 * @property {number} threads of all of them
 * @property {number} limit of memory, of all of them; 0 if one has none
 * @property {number} memory what it uses
 * @property {number|null} cpu percent
 */

/** @type {Map<string, Process>|null} reckoned when somebody asks, once for each pulse */
let known = null;
store.listen(() => (known = null));

/** One whose process is not known has it for itself. @param {WorkerRow} row */
const keyOf = (row) => (row.pid === null || row.host === null ? `worker ${row.id}` : `${row.pid} ${row.host}`);

/** All processes of workers, by name. */
export function processes() {
  known ??= reckon(store.workers.values());
  return known;
}

/** The process of that worker. @param {WorkerRow} row @returns {Process} */
export function processOf(row) {
  const key = keyOf(row);
  return processes().get(key) ?? /** @type {Process} */ (reckon([row]).get(key));
}

/** @param {Iterable<WorkerRow>} rows */
function reckon(rows) {
  /** @type {Map<string, WorkerRow[]>} */
  const together = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    const others = together.get(key);
    if (others) others.push(row);
    else together.set(key, [row]);
  }
  return new Map([...together].map(([key, rows]) => [key, sum(rows)]));
}

/** @param {WorkerRow[]} rows @returns {Process} */
function sum(rows) {
  // All speak of the same process, each at its own time: the latest is right for all.
  const latest = rows.reduce((a, b) => ((b.last_seen ?? 0) > (a.last_seen ?? 0) ? b : a));
  const managed = rows.reduce((all, row) => all + row.managed_bytes, 0);
  return {
    workers: rows.length,
    threads: rows.reduce((all, row) => all + row.nthreads, 0),
    limit: rows.every((row) => row.memory_limit_bytes) ? rows.reduce((all, row) => all + row.memory_limit_bytes, 0) : 0,
    memory: latest.rss_bytes ?? managed,
    cpu: latest.cpu_percent,
  };
}

/** Said of figures that are not of one worker alone; nothing if they are. @param {Process} process */
export const sharedWords = ({ workers }) => (workers > 1 ? `of the process it shares with ${format.plural(workers - 1, "other")}` : "");
