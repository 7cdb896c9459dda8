// @ts-check
// What this page knows of the cluster, kept up to date by pulses, and who wants to hear of it.

import { History } from "./history.js";
import { Lanes } from "./lanes.js";

/** Events that the page keeps; the server keeps its own number. */
export const EVENTS_MAX = 2000;
/** Prefixes that the page knows, those that changed last: as many as a whole pulse has. */
export const PREFIXES_MAX = 500;
/** More than there are workers at once, so that names of those that left stay as long as their bars are looked at. */
const NAMES_MAX = 5000;

/** @typedef {import("./types.js").Pulse} Pulse */

/**
 * Puts what is new or has changed at the end; beyond `max` one goes: what has not for the longest time, if nothing else is said.
 * @template K, V @param {Map<K, V>} map @param {K} key @param {V} value @param {number} max @param {(map: Map<K, V>) => K} [toForget]
 */
function putLast(map, key, value, max, toForget = first) {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(toForget(map));
}

/** @template K, V @param {Map<K, V>} map not empty */
const first = (map) => /** @type {K} */ (map.keys().next().value);

/** Events of tasks; all else happened to workers, clients and the cluster. @param {string} kind */
export const isOfTasks = (kind) => kind === "error" || kind === "retry" || kind === "recomputed";

/** A flood of errors does not wash away that a worker was lost. @param {Map<number, import("./types.js").EventRow>} events */
function eventToForget(events) {
  for (const [number, { kind }] of events) if (isOfTasks(kind)) return number;
  return first(events);
}

class Store {
  constructor() {
    /** @type {import("./types.js").Scheduler|null} */
    this.scheduler = null;
    /** @type {Map<number, import("./types.js").WorkerRow>} */
    this.workers = new Map();
    /** @type {Map<number, string>} names of workers, also of those that left not long ago: their bars are still shown */
    this.names = new Map();
    /** @type {Map<string, import("./types.js").PrefixRow>} what changed last at the end */
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
    /** Nobody speaks any more, so what is known gets no older. */
    this.stopped = false;
    /** How many other schedulers have answered at this address since the page was loaded. */
    this.generation = 0;
    /** @type {Set<(pulse: Pulse) => void>} */
    this.listeners = new Set();
    /** Is told that another scheduler answers at this address, once something is known of it. */
    this.onAnother = () => {};
  }

  /** @param {Pulse} pulse */
  apply(pulse) {
    const isAnother = this.scheduler !== null && this.scheduler.id !== pulse.scheduler.id;
    if (isAnother) this.forget();
    if (pulse.full) {
      this.workers.clear();
      this.prefixes.clear();
      this.events.clear();
      this.longRuns.clear();
    }
    this.scheduler = pulse.scheduler;
    for (const [id, name] of Object.entries(pulse.names)) putLast(this.names, Number(id), name, NAMES_MAX);
    for (const row of pulse.workers) {
      this.workers.set(row.id, row);
      putLast(this.names, row.id, row.name, NAMES_MAX);
    }
    for (const [worker, runs] of pulse.executing) this.longRuns.set(worker, runs);
    for (const id of pulse.workers_gone) {
      this.workers.delete(id);
      this.longRuns.delete(id);
    }
    for (const row of pulse.prefixes) putLast(this.prefixes, row.prefix, row, PREFIXES_MAX);
    // A row whose count grew goes to the end.
    for (const event of pulse.events) putLast(this.events, event.number, event, EVENTS_MAX, eventToForget);
    this.lanes.hear(pulse);
    this.history.add(pulse);
    this.at = pulse.at;
    this.receivedMs = performance.now();
    this.stopped = false;
    if (isAnother) this.onAnother();
    for (const listener of [...this.listeners]) listener(pulse);
  }

  /** Nothing of the old scheduler holds. */
  forget() {
    this.generation += 1;
    this.names.clear();
    this.history = new History();
    this.lanes.clear();
  }

  /** The connection is lost: time stands still where the last pulse was taken, until there is another. */
  stop() {
    this.stopped = true;
  }

  /** The scheduler's clock, now. */
  now() {
    if (this.stopped && this.at) return this.at;
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
