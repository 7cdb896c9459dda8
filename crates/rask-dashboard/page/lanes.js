// @ts-check
// Executions and transfers of the last minutes, by worker and thread, so that a part of the time is found by bisection.

/** Bars and transfers that are kept; the oldest go first. */
const KEPT_MAX = 60000;

/** @typedef {import("./types.js").Bar} Bar */
/** @typedef {import("./types.js").Transfer} Transfer */

/** @param {Bar} bar */
export const barEnd = (bar) => bar[3] + bar[4];
/** @param {Transfer} transfer */
export const transferEnd = (transfer) => transfer[2] + transfer[3];

/**
 * The first of `items`, which are sorted by `endOf`, that ends at `at` or later.
 * @template T @param {T[]} items @param {(item: T) => number} endOf @param {number} at
 */
export function firstEndingAfter(items, endOf, at) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endOf(items[middle]) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts an item in its place: nearly always the end. @template T @param {T[]} items @param {(item: T) => number} endOf @param {T} item */
function insert(items, endOf, item) {
  const end = endOf(item);
  if (!items.length || endOf(items[items.length - 1]) <= end) items.push(item);
  else items.splice(firstEndingAfter(items, endOf, end), 0, item);
}

/**
 * Cuts each lane off where what has come for it begins to end; gives how many items that were.
 * @template T @param {T[]} items @param {(item: T) => T[]|undefined} laneOf @param {(item: T) => number} endOf
 */
function cutLanes(items, laneOf, endOf) {
  /** @type {Map<T[], number>} */
  const ends = new Map();
  for (const item of items) {
    const lane = laneOf(item);
    if (lane) ends.set(lane, Math.min(ends.get(lane) ?? Infinity, endOf(item)));
  }
  let cut = 0;
  for (const [lane, end] of ends) {
    const kept = firstEndingAfter(lane, endOf, end);
    cut += lane.length - kept;
    lane.length = kept;
  }
  return cut;
}

export class Lanes {
  constructor() {
    /** @type {Map<number, Bar[][]>} by worker, then by thread; sorted by their ends */
    this.threads = new Map();
    /** @type {Map<number, Transfer[]>} by receiving worker; sorted by their ends */
    this.transfers = new Map();
    this.kept = 0;
    /** The longest transfer: how far before its end one may begin. */
    this.transferMax = 0;
    /** When the newest of all ended. */
    this.newest = 0;
    /** Of what ended before, some is not here. */
    this.knownFrom = 0;
  }

  clear() {
    Object.assign(this, new Lanes());
  }

  /** @param {import("./types.js").Pulse} pulse */
  hear({ full, bars, transfers, bars_from }) {
    const newest = this.newest;
    if (full) this.renew(bars, transfers);
    else this.add(bars, transfers);
    // What was left out may be here from before.
    if (bars_from !== null && bars_from > newest) this.knownFrom = bars_from;
  }

  /** @param {Bar[]} bars @param {Transfer[]} transfers */
  add(bars, transfers) {
    for (const bar of bars) {
      let lanes = this.threads.get(bar[0]);
      if (!lanes) this.threads.set(bar[0], (lanes = []));
      while (lanes.length <= bar[1]) lanes.push([]);
      insert(lanes[bar[1]], barEnd, bar);
      this.newest = Math.max(this.newest, barEnd(bar));
    }
    for (const transfer of transfers) {
      let lane = this.transfers.get(transfer[0]);
      if (!lane) this.transfers.set(transfer[0], (lane = []));
      insert(lane, transferEnd, transfer);
      this.transferMax = Math.max(this.transferMax, transfer[3]);
      this.newest = Math.max(this.newest, transferEnd(transfer));
    }
    this.kept += bars.length + transfers.length;
    if (this.kept > KEPT_MAX * 1.2) this.trim();
  }

  /**
   * A whole pulse has the last bars of each thread that had any lately: they take the place of what is known from there on.
   * @param {Bar[]} bars @param {Transfer[]} transfers
   */
  renew(bars, transfers) {
    this.kept -= cutLanes(bars, (bar) => this.threads.get(bar[0])?.[bar[1]], barEnd);
    this.kept -= cutLanes(transfers, (transfer) => this.transfers.get(transfer[0]), transferEnd);
    this.add(bars, transfers);
  }

  /** Drops the oldest, so that KEPT_MAX remain. */
  trim() {
    const ends = [];
    for (const lanes of this.threads.values()) for (const lane of lanes) for (const bar of lane) ends.push(barEnd(bar));
    for (const lane of this.transfers.values()) for (const transfer of lane) ends.push(transferEnd(transfer));
    const sorted = Float64Array.from(ends).sort();
    const from = sorted[Math.max(0, sorted.length - KEPT_MAX)];
    this.knownFrom = Math.max(this.knownFrom, from);
    this.kept = 0;
    for (const [worker, lanes] of this.threads) {
      for (const lane of lanes) {
        lane.splice(0, firstEndingAfter(lane, barEnd, from));
        this.kept += lane.length;
      }
      if (lanes.every((lane) => !lane.length)) this.threads.delete(worker);
    }
    for (const [worker, lane] of this.transfers) {
      lane.splice(0, firstEndingAfter(lane, transferEnd, from));
      this.kept += lane.length;
      if (!lane.length) this.transfers.delete(worker);
    }
  }

  /** The last executions, newest first. @param {number} max @returns {Bar[]} */
  last(max) {
    /** @type {Bar[]} */
    const all = [];
    for (const lanes of this.threads.values()) for (const lane of lanes) all.push(...lane.slice(-max));
    return all.sort((a, b) => barEnd(b) - barEnd(a)).slice(0, max);
  }
}
