// @ts-check
// The task stream as a table: for who cannot point at bars.

import { GIVEN_UP, h, keyed, setText, taskLink } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { store } from "./store.js";
import { allUnderway } from "./stream_rows.js";

const ENDED_MAX = 30;

/**
 * What the threads execute, then what ended last.
 * @typedef {{of: any, key: string, worker: number, thread: number, began: number, lasts: string, executions: string}} Row
 */

/** @returns {Row[]} */
function rowsNow() {
  /** @type {Row[]} */
  const underway = allUnderway().map(({ worker, thread, underway: { key, givenUp, from, to } }) => ({
    // Strings that are equal are the same row; bars are objects.
    of: `${worker} ${thread} ${key}`,
    key,
    worker,
    thread,
    began: from,
    lasts: `${format.duration(to - from)} so far`,
    executions: givenUp ? `executing, ${GIVEN_UP}` : "executing",
  }));
  const ended = store.lanes.last(ENDED_MAX).map((bar) => {
    const [worker, thread, , began, duration, , runs, erred, key] = bar;
    return { of: bar, key, worker, thread, began, lasts: format.duration(duration), executions: `${format.count(runs)}${erred ? `, ${erred} erred` : ""}` };
  });
  return [...underway, ...ended];
}

/** @param {Row} row */
function make(row) {
  const lasts = h("td", { class: "number" });
  const cells = [h("td", {}, taskLink(row.key)), h("td", {}, h("bdi", {}, store.nameOf(row.worker))), h("td", { class: "number" }, row.thread), h("td", { class: "number" }, format.clock(row.began, 3)), lasts];
  return { element: h("tr", {}, ...cells, h("td", { class: "number" }, row.executions)), lasts };
}

export function streamTable() {
  const rows = h("tbody");
  const head = h("thead", {}, h("tr", {}, ...["Key", "Worker", "Thread", "Began", "Duration", "Executions"].map((title) => h("th", { scope: "col" }, title))));
  const table = h("div", { class: "table-wrap" }, h("table", {}, head, rows));
  const element = h("details", { class: "as-table" }, h("summary", {}, "What executes, and the last executions, as a table"), table);
  /** @type {Map<any, any>} */
  const made = new Map();
  const draw = throttled(() => {
    if (element.open) keyed(rows, made, rowsNow(), (row) => row.of, make, (shown, row) => setText(shown.lasts, row.lasts));
  }, 1000);
  element.addEventListener("toggle", () => draw.now());
  const end = store.listen(draw.wish);
  return {
    element,
    leave: () => {
      end();
      draw.end();
    },
  };
}
