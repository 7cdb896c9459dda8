// @ts-check
// The Tasks page: search by a part of the key, by state, page by page.

import { ApiError, get } from "./api.js";
import { h, keyed, setText, taskLink, workerLink } from "./dom.js";
import * as format from "./format.js";
import { store } from "./store.js";

const STATES = ["processing", "memory", "erred", "waiting", "queued", "no-worker", "released"];
const PAGE_ROWS = 100;
const TYPING_MS = 200;
/** While tasks come and go, the first page is asked for again so long after an answer. */
const AGAIN_MS = 2000;

/**
 * What is looked for. It is part of the address, so that it can be sent to somebody and is there after "back".
 * @param {() => void} changed called when the typing pauses
 */
function searchForm(changed) {
  const asked = new URLSearchParams(location.search);
  const search = h("input", { type: "search", placeholder: "a part of a key", "aria-label": "Search tasks", autocomplete: "off", spellcheck: "false" });
  search.value = asked.get("search") ?? "";
  const state = h("select", { "aria-label": "State" }, h("option", { value: "" }, "all states"), ...STATES.map((name) => h("option", { value: name }, name)));
  state.value = asked.get("state") ?? "";
  if (state.selectedIndex < 0) state.value = "";
  const query = () => {
    const said = new URLSearchParams();
    // What is pasted often has blanks around it.
    const part = search.value.trim();
    if (part) said.set("search", part);
    if (state.value) said.set("state", state.value);
    return said;
  };
  let typing = 0;
  const typed = () => {
    clearTimeout(typing);
    typing = window.setTimeout(() => {
      const said = query();
      history.replaceState(null, "", `tasks${said.size ? `?${said}` : ""}`);
      changed();
    }, TYPING_MS);
  };
  search.addEventListener("input", typed);
  state.addEventListener("change", typed);
  return { elements: [search, state], query, leave: () => clearTimeout(typing) };
}

/** @param {HTMLElement} root @returns {import("./types.js").Mounted} */
export function tasksPage(root) {
  const form = searchForm(() => {
    // The next page would be that of what was looked for before.
    more.hidden = true;
    pages.first();
  });
  const sum = h("span", { class: "muted tabular", role: "status" });
  const table = taskTable();
  const empty = h("p", { class: "empty" });
  const more = h("button", { type: "button", hidden: true, onclick: () => pages.next() }, "More");
  root.append(
    h("div", { class: "page-head" }, h("h1", {}, "Tasks"), ...form.elements, sum),
    h("section", { class: "panel table-wrap" }, table.element, empty),
    h("p", { class: "more-row" }, more),
  );

  /** @param {any[]} rows @param {boolean} isAll @param {number} total */
  function show(rows, isAll, total) {
    table.draw(rows);
    more.hidden = isAll;
    empty.hidden = rows.length > 0;
    const filtered = form.query().size > 0;
    setText(sum, `${filtered ? `${format.count(rows.length)}${isAll ? "" : "+"} found, ` : ""}${format.plural(total, "task")} known`);
    setText(empty, filtered ? "No task that the scheduler knows fits. Tasks whose results nobody wants any more are forgotten." : "The scheduler knows no tasks.");
  }

  const pages = askedPages(form.query, show, (words) => {
    empty.hidden = false;
    setText(empty, words);
  });
  return {
    title: "Tasks",
    leave: () => {
      form.leave();
      pages.leave();
    },
  };
}

/**
 * Asks for the first page, again and again while something happens and the page is seen, and for further ones.
 * @param {() => URLSearchParams} query
 * @param {(rows: any[], isAll: boolean, total: number) => void} show @param {(words: string) => void} failed
 */
function askedPages(query, show, failed) {
  /** @type {any[]} */
  let rows = [];
  /** @type {string|null} */
  let after = null;
  let pages = 0;
  /** @type {AbortController|null} of the question that is open */
  let asking = null;
  let answeredMs = 0;

  /** What was asked before is not wanted any more. @param {boolean} further the next page instead of the first */
  async function ask(further) {
    asking?.abort();
    const own = new AbortController();
    const { signal } = own;
    asking = own;
    const asked = query();
    asked.set("limit", String(PAGE_ROWS));
    if (further && after) asked.set("after", after);
    try {
      const answer = await get(`tasks?${asked}`, signal);
      rows = further ? [...rows, ...answer.tasks] : answer.tasks;
      pages = further ? pages + 1 : 1;
      after = answer.after;
      show(rows, after === null, answer.total);
    } catch (error) {
      if (signal.aborted) return;
      failed(error instanceof ApiError ? error.message : String(error));
    } finally {
      if (asking === own) asking = null;
      answeredMs = performance.now();
    }
  }

  const end = store.listen(() => {
    // Somebody who has paged on reads: the list then stands still.
    if (document.hidden || asking || pages > 1 || performance.now() - answeredMs < AGAIN_MS) return;
    void ask(false);
  });
  void ask(false);
  return {
    first: () => void ask(false),
    next: () => void ask(true),
    leave: () => {
      end();
      asking?.abort();
    },
  };
}

function taskTable() {
  const body = h("tbody");
  const titles = [["Key"], ["State"], ["Worker"], ["Size", "number"], ["Duration", "number"]];
  const head = h("thead", {}, h("tr", {}, ...titles.map(([title, name]) => h("th", { scope: "col", class: name ?? null }, title))));
  const element = h("table", {}, h("caption", { class: "unseen" }, "Tasks"), head, body);
  /** @type {Map<string, any>} */
  const made = new Map();
  const make = (/** @type {any} */ task) => {
    const [dot, state, worker] = [h("i", { class: "dot" }), h("span"), h("td")];
    const [size, duration] = [h("td", { class: "number" }), h("td", { class: "number" })];
    return { element: h("tr", {}, h("td", { class: "wide" }, taskLink(task.key)), h("td", { class: "state" }, dot, state), worker, size, duration), dot, state, worker, size, duration };
  };
  const update = (/** @type {any} */ row, /** @type {any} */ task) => {
    row.dot.dataset.state = task.state;
    setText(row.state, task.state);
    if (row.worker.textContent !== (task.worker ?? "–")) {
      row.worker.textContent = "";
      row.worker.append(workerLink(task.worker ?? null));
    }
    setText(row.size, format.bytes(task.nbytes || null));
    setText(row.duration, format.duration(task.duration_s));
  };
  return { element, draw: (/** @type {any[]} */ rows) => keyed(body, made, distinct(rows), (task) => task.key, make, update) };
}

/** Between two pages a task may move and come twice. @param {any[]} rows */
const distinct = (rows) => [...new Map(rows.map((row) => [row.key, row])).values()];
