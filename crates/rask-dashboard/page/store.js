// @ts-check
// What this page knows of the cluster, kept up to date by pulses, and who wants to hear of it.

import { History } from "./history.js";
import { Lanes } from "./lanes.js";

/** Events that the page keeps; the server keeps its own number. */
const EVENTS_MAX = 2000;

/** @typedef {import("./types.js").Pulse} Pulse */

class Store {
  constructor() {
    /** @type {import("./types.js").Scheduler|null} */
    this.scheduler = null;
    /** @type {Map<number, import("./types.js").WorkerRow>} */
    this.workers = new Map();
    /** @type {Map<number, string>} names of all workers there have been, for what is said of those that left */
    this.names = new Map();
    /** @type {Map<string, import("./types.js").PrefixRow>} */
    this.prefixes = new Map();
    /** @type {Map<number, import("./types.js").EventRow>} */
    this.events = new Map();
    this.lanes = new Lanes();
    /** @type {Map<number, import("./types.js").LongRun[]>} what workers said they have been executing for a while */
    this.longRuns = new Map();
    this.history = new History();
    /** When the newest pulse was taken, by the scheduler's clock. */
    this.at = 0;
    this.receivedMs = 0;
    /** @type {Set<(pulse: Pulse) => void>} */
    this.listeners = new Set();
  }

  /** @param {Pulse} pulse */
  apply(pulse) {
    if (this.scheduler && this.scheduler.id !== pulse.scheduler.id) this.forget();
    if (pulse.full) {
      this.workers.clear();
      this.prefixes.clear();
      this.events.clear();
      this.longRuns.clear();
    }
    this.scheduler = pulse.scheduler;
    for (const row of pulse.workers) {
      this.workers.set(row.id, row);
      this.names.set(row.id, row.name);
    }
    for (const [worker, runs] of pulse.executing) this.longRuns.set(worker, runs);
    for (const id of pulse.workers_gone) {
      this.workers.delete(id);
      this.longRuns.delete(id);
    }
    for (const row of pulse.prefixes) this.prefixes.set(row.prefix, row);
    for (const event of pulse.events) {
      // A row whose count grew goes to the end.
      this.events.delete(event.number);
      this.events.set(event.number, event);
    }
    while (this.events.size > EVENTS_MAX) this.events.delete(this.events.keys().next().value ?? -1);
    this.lanes.hear(pulse);
    this.history.add(pulse);
    this.at = pulse.at;
    this.receivedMs = performance.now();
    for (const listener of [...this.listeners]) listener(pulse);
  }

  /** Another cluster answers at this address: nothing of the old one holds. */
  forget() {
    this.names.clear();
    this.history = new History();
    this.lanes.clear();
  }

  /** The scheduler's clock, now. */
  now() {
    return this.receivedMs ? this.at + (performance.now() - this.receivedMs) / 1000 : Date.now() / 1000;
  }

  /** Calls back after every pulse; gives what ends that. @param {(pulse: Pulse) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param {number|null} id */
  nameOf(id) {
    return id === null ? "elsewhere" : (this.names.get(id) ?? `worker ${id}`);
  }

  /** Executes anything at this moment? */
  executing() {
    for (const runs of this.longRuns.values()) if (runs.length) return true;
    for (const row of this.workers.values()) if (row.executing > 0) return true;
    return false;
  }
}

export const store = new Store();

/** Workers in the order of their names, numbers in them as numbers. @param {Iterable<import("./types.js").WorkerRow>} rows */
export function byName(rows) {
  return [...rows].sort((a, b) => collator.compare(a.name, b.name) || a.id - b.id);
}
export const collator = new Intl.Collator(undefined, { numeric: true });
