// @ts-check
// Where the rows of the task stream lie: one for each thread, grouped by worker, a thin one for what the worker fetched.

import { byName, collator, store } from "./store.js";
import { FONT } from "./surface.js";

const ROW_MAX_PX = 34;
const ROW_MIN_PX = 3;
const GUTTER_MAX_PX = 96;
const GUTTER_MIN_PX = 34;
export const AXIS_PX = 18;
export const NAME_FONT = `11px ${FONT}`;

/** @typedef {{y: number, height: number, bars: import("./types.js").Bar[]}} ThreadRow */
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

/** Workers that are here, then those that left but did something that is still in view. @param {number} start of the view */
function workersToShow(start) {
  const here = byName(store.workers.values()).map((row) => ({ id: row.id, name: row.name, gone: false, nthreads: row.nthreads }));
  const gone = [];
  for (const [id, lanes] of store.lanes.threads) {
    if (store.workers.has(id)) continue;
    const seen = lanes.some((lane) => lane.length && lane[lane.length - 1][3] + lane[lane.length - 1][4] > start);
    if (seen) gone.push({ id, name: store.nameOf(id), gone: true, nthreads: lanes.length });
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
  const counts = workers.map((worker) => Math.max(1, worker.nthreads, lanesOf(worker.id).length));
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
      threads.push({ y, height: row - (row >= 5 ? 1 : 0), bars: own[thread] ?? [] });
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
