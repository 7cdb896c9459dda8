// @ts-check
// Where the rows of the task stream lie: one for each thread, grouped by worker, a thin one for what the worker fetched.

import { barEnd } from "./lanes.js";
import { byName, collator, store } from "./store.js";
import { FONT } from "./surface.js";

const ROW_MAX_PX = 34;
const ROW_MIN_PX = 3;
const GUTTER_MAX_PX = 96;
const GUTTER_MIN_PX = 34;
export const AXIS_PX = 18;
export const NAME_FONT = `11px ${FONT}`;

/** What a thread executes as far as is known. @typedef {{prefix: string, key: string, givenUp: boolean, from: number, to: number}} Underway */
/** @typedef {{y: number, height: number, bars: import("./types.js").Bar[], underway: Underway|null}} ThreadRow */
/** @typedef {{id: number, name: string, gone: boolean, y: number, height: number, threads: ThreadRow[], transfers: {y: number, height: number}|null}} Group */

/**
 * How much room the names take.
 * @param {CanvasRenderingContext2D} context @param {Group[]} groups
 */
export function gutterOf(context, groups) {
  context.font = NAME_FONT;
  let widest = 0;
  for (const { name } of groups.slice(0, 200)) widest = Math.max(widest, name.length > 40 ? GUTTER_MAX_PX : context.measureText(name).width);
  return Math.min(GUTTER_MAX_PX, Math.max(GUTTER_MIN_PX, Math.ceil(widest) + 18));
}

/** A worker looks this often at what its threads execute: when something began is known to half of this, either way. */
const LOOK_S = 0.25;

/**
 * What a worker said of a thread, if it still holds: it may have ended since.
 * @param {import("./types.js").LongRun} longRun @param {import("./types.js").Bar[]} bars of the thread
 * @returns {Underway|null}
 */
function underwayOf([, prefix, began, key, givenUp], bars) {
  const now = store.now();
  const last = bars.length ? bars[bars.length - 1] : null;
  const isOver = last !== null && last[8] === key && barEnd(last) > began + LOOK_S;
  if (isOver || now - began < LOOK_S) return null;
  // What ended before it ended before it.
  return { prefix, key, givenUp, from: last && barEnd(last) < now ? Math.max(began, barEnd(last)) : began, to: now };
}

/** All that executes, by worker and thread. */
export function allUnderway() {
  /** @type {{worker: number, thread: number, underway: Underway}[]} */
  const all = [];
  for (const [worker, longRuns] of store.longRuns) {
    for (const longRun of longRuns) {
      const underway = underwayOf(longRun, store.lanes.threads.get(worker)?.[longRun[0]] ?? []);
      if (underway) all.push({ worker, thread: longRun[0], underway });
    }
  }
  return all.sort((a, b) => a.underway.from - b.underway.from);
}

/** Who executed it; another worker may have the name of one that is gone. @param {number} id */
export const workerLabel = (id) => (store.workers.has(id) ? store.nameOf(id) : `${store.nameOf(id)} (gone)`);

/** Workers that are here, then those that left but did something that is still in view. @param {number} start of the view */
function workersToShow(start) {
  const here = byName(store.workers.values()).map((row) => ({ id: row.id, name: row.name, gone: false, nthreads: row.nthreads }));
  const gone = [];
  for (const [id, lanes] of store.lanes.threads) {
    if (store.workers.has(id)) continue;
    const seen = lanes.some((lane) => lane.length && barEnd(lane[lane.length - 1]) > start);
    if (seen) gone.push({ id, name: workerLabel(id), gone: true, nthreads: lanes.length });
  }
  gone.sort((a, b) => collator.compare(a.name, b.name));
  return [...here, ...gone];
}

/**
 * @param {number} height that there is @param {number} start of the view
 * @returns {{groups: Group[], height: number}} the height they need
 */
export function layRows(height, start) {
  const workers = workersToShow(start);
  const lanesOf = (/** @type {number} */ id) => store.lanes.threads.get(id) ?? [];
  const longRunsOf = (/** @type {number} */ id) => store.longRuns.get(id) ?? [];
  const counts = workers.map((worker) => Math.max(1, worker.nthreads, lanesOf(worker.id).length, ...longRunsOf(worker.id).map(([thread]) => thread + 1)));
  const lanes = counts.reduce((all, count) => all + count, 0);
  const transferRows = store.lanes.transfers.size ? workers.length : 0;
  // Gaps and transfer rows are parts of a thread's row: so all shrink together.
  const units = lanes + workers.length * 0.35 + transferRows * 0.4;
  const row = Math.min(ROW_MAX_PX, Math.max(ROW_MIN_PX, height / Math.max(1, units)));
  const gap = Math.max(1, row * 0.35);
  const transferHeight = Math.max(2, row * 0.4 - 1);
  let y = gap / 2;
  const groups = workers.map((worker, i) => {
    const top = y;
    const own = lanesOf(worker.id);
    const threads = [];
    for (let thread = 0; thread < counts[i]; thread += 1) {
      const bars = own[thread] ?? [];
      const longRun = longRunsOf(worker.id).find((run) => run[0] === thread);
      threads.push({ y, height: row - (row >= 5 ? 1 : 0), bars, underway: longRun ? underwayOf(longRun, bars) : null });
      y += row;
    }
    let transfers = null;
    if (transferRows) {
      transfers = { y, height: transferHeight };
      y += transferHeight + 1;
    }
    const group = { id: worker.id, name: worker.name, gone: worker.gone, y: top, height: y - top, threads, transfers };
    y += gap;
    return group;
  });
  return { groups, height: y };
}

/**
 * The row at a height: a worker's thread, its transfers, or null.
 * @param {Group[]} groups @param {number} y
 */
export function rowAt(groups, y) {
  let low = 0;
  let high = groups.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const group = groups[middle];
    if (y < group.y) high = middle - 1;
    else if (y >= group.y + group.height) low = middle + 1;
    else {
      if (group.transfers && y >= group.transfers.y) return { group, thread: null };
      const thread = group.threads.findIndex((row) => y < row.y + row.height + 1);
      return { group, thread: thread < 0 ? group.threads.length - 1 : thread };
    }
  }
  return null;
}
