// @ts-check
// The last five minutes of what changes with time, kept here: the server remembers none of it.

export const HISTORY_S = 300;
/** A worker's samples are at least so far apart: with hundreds of workers more would be much. */
const WORKER_STEP_S = 0.9;
/** Rates are those of so long, as far as pulses allow: tasks often end together, and from one pulse to the next is a moment. */
const RATE_S = 1.9;
/** A rate of less than this is chance. */
const RATE_MIN_S = 0.9;
/** After a silence this long nothing happened in between, and the picture says so. */
const SILENCE_S = 3;

/** Columns of equal length, the first of which is the time; old rows go. */
export class Columns {
  /** @param {number} width */
  constructor(width) {
    /** @type {(number|null)[][]} */
    this.columns = Array.from({ length: width }, () => []);
  }

  get lastAt() {
    const at = this.columns[0];
    return at.length ? /** @type {number} */ (at[at.length - 1]) : -Infinity;
  }

  /** @param {(number|null)[]} row */
  push(row) {
    row.forEach((value, i) => this.columns[i].push(value));
    const at = this.columns[0];
    // Cut in one go now and then, rather than row by row.
    if (/** @type {number} */ (at[0]) < this.lastAt - HISTORY_S * 1.1) {
      const first = at.findIndex((value) => /** @type {number} */ (value) >= this.lastAt - HISTORY_S);
      for (const column of this.columns) column.splice(0, first);
    }
  }
}

/** Tasks that end per second, from how many have ended at each pulse. */
class Rate {
  constructor() {
    /** @type {{at: number, ended: number}[]} the pulses, from the last one that is as old as a rate is long */
    this.marks = [];
  }

  /** Gives the rate, if it is known by now. @param {import("./types.js").Pulse} pulse */
  hear({ at, full, scheduler }) {
    // Before a whole pulse the page may not have listened for long.
    if (full) this.marks = [];
    const ended = scheduler.finished + scheduler.erred;
    this.marks.push({ at, ended });
    while (this.marks.length > 1 && at - this.marks[1].at >= RATE_S) this.marks.shift();
    const [first] = this.marks;
    return at - first.at >= RATE_MIN_S ? (ended - first.ended) / (at - first.at) : null;
  }

  /** @param {import("./types.js").Scheduler} scheduler */
  isStill({ finished, erred }) {
    return this.marks[this.marks.length - 1]?.ended === finished + erred;
  }
}

export class History {
  constructor() {
    /** at, tasks per second, the scheduler's share of a core in percent, bytes moved per second */
    this.cluster = new Columns(4);
    /** @type {Map<number, Columns>} at, CPU percent, managed bytes, bytes of the process */
    this.workers = new Map();
    this.moved = -1;
    this.rate = new Rate();
    /** @type {number|null} now */
    this.tasksPerSecond = null;
  }

  /** @param {import("./types.js").Pulse} pulse */
  add(pulse) {
    const { scheduler, at } = pulse;
    const since = at - this.cluster.lastAt;
    // A whole pulse, the first of a connection, has no interval of its own to give rates for.
    const moved = this.moved < 0 || !(since > 0) || pulse.full ? null : (scheduler.bytes_moved - this.moved) / since;
    this.moved = scheduler.bytes_moved;
    this.forgetGone(pulse);
    if (since <= 0) return;
    if (since > SILENCE_S && since < Infinity && !pulse.full && this.rate.isStill(scheduler)) {
      this.cluster.push([at - since + 0.3, 0, 0, 0]);
      this.cluster.push([at - 0.5, 0, 0, 0]);
    }
    this.tasksPerSecond = this.rate.hear(pulse);
    this.cluster.push([at, this.tasksPerSecond, scheduler.cpu === null ? null : scheduler.cpu * 100, moved]);
    for (const row of pulse.workers) this.addWorker(row, at);
  }

  /** A whole pulse does not name those that left: they are not in it. @param {import("./types.js").Pulse} pulse */
  forgetGone({ full, workers, workers_gone }) {
    for (const id of workers_gone) this.workers.delete(id);
    if (!full) return;
    const here = new Set(workers.map((row) => row.id));
    for (const id of this.workers.keys()) if (!here.has(id)) this.workers.delete(id);
  }

  /** @param {import("./types.js").WorkerRow} row @param {number} at */
  addWorker(row, at) {
    let columns = this.workers.get(row.id);
    if (!columns) {
      columns = new Columns(4);
      this.workers.set(row.id, columns);
    }
    if (at - columns.lastAt >= WORKER_STEP_S) columns.push([at, row.cpu_percent, row.managed_bytes, row.rss_bytes]);
  }
}
