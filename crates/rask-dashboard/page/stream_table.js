// @ts-check
// The task stream as a table: for who cannot point at bars.

import { GIVEN_UP, h, keyed, setText, taskLink } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { store } from "./store.js";
import { allUnderway, workerLabel } from "./stream_rows.js";

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
    const [worker, thread, , began, duration] = bar;
    return { of: bar, key: bar[8], worker, thread, began, lasts: format.duration(duration), executions: executionsOf(bar) };
  });
  return [...underway, ...ended];
}

/** @param {import("./types.js").Bar} bar */
function executionsOf([, , , , , , runs, erred, , lost]) {
  const words = [format.count(runs)];
  if (erred) words.push(`${format.count(erred)} erred`);
  if (lost) words.push(runs > 1 ? `${format.count(lost)} lost with the worker` : "lost with its worker");
  return words.join(", ");
}

/** @param {Row} row */
function make(row) {
  const lasts = h("td", { class: "number" });
  const worker = h("bdi");
  const cells = [h("td", {}, taskLink(row.key)), h("td", {}, worker), h("td", { class: "number" }, row.thread), h("td", { class: "number" }, format.clock(row.began, 3)), lasts];
  return { element: h("tr", {}, ...cells, h("td", { class: "number" }, row.executions)), lasts, worker };
}

/** @param {ReturnType<typeof make>} shown @param {Row} row */
function update(shown, row) {
  setText(shown.lasts, row.lasts);
  setText(shown.worker, workerLabel(row.worker));
}

export function streamTable() {
  const rows = h("tbody");
  const head = h("thead", {}, h("tr", {}, ...["Key", "Worker", "Thread", "Began", "Duration", "Executions"].map((title) => h("th", { scope: "col" }, title))));
  const table = h("div", { class: "table-wrap" }, h("table", {}, head, rows));
  const element = h("details", { class: "as-table" }, h("summary", {}, "What executes, and the last executions, as a table"), table);
  /** @type {Map<any, any>} */
  const made = new Map();
  const draw = throttled(() => {
    if (element.open) keyed(rows, made, rowsNow(), (row) => row.of, make, update);
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
