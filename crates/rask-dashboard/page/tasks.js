// @ts-check
// The Tasks page: search by a part of the key, by prefix, by state, page by page.

import { ApiError, get } from "./api.js";
import { h, keyed, replace, setText, shownKey, taskLink, workerCellLink } from "./dom.js";
import * as format from "./format.js";
import { store } from "./store.js";

const STATES = ["processing", "memory", "erred", "waiting", "queued", "no-worker", "released"];
const PAGE_ROWS = 100;
/** The server gives no more at once. So many are kept fresh; of more the list stands still. */
const ROWS_AT_ONCE = 1000;
const TYPING_MS = 200;
/** While tasks come and go, what is shown is asked for again so long after an answer. */
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
  let prefix = asked.get("prefix") ?? "";
  const query = () => {
    const said = new URLSearchParams();
    if (prefix) said.set("prefix", prefix);
    // What is pasted often has blanks around it.
    const part = search.value.trim();
    if (part) said.set("search", part);
    if (state.value) said.set("state", state.value);
    return said;
  };
  let typing = 0;
  const say = () => {
    clearTimeout(typing);
    const said = query();
    history.replaceState(null, "", `tasks${said.size ? `?${said}` : ""}`);
    changed();
  };
  const typed = () => {
    clearTimeout(typing);
    typing = window.setTimeout(say, TYPING_MS);
  };
  search.addEventListener("input", typed);
  state.addEventListener("change", typed);
  const chip = prefixChip(prefix, () => {
    prefix = "";
    search.focus();
    say();
  });
  return { elements: [search, ...(chip ? [chip] : []), state], query, leave: () => clearTimeout(typing) };
}

/** A prefix is looked for by following a link to its tasks: it can be taken away, not typed. @param {string} prefix @param {() => void} removed */
function prefixChip(prefix, removed) {
  if (!prefix) return null;
  const remove = () => {
    chip.remove();
    removed();
  };
  const words = `Only tasks of the prefix ${shownKey(prefix)}; click for all`;
  const chip = h("button", { type: "button", class: "tag prefix-chip", title: words, "aria-label": words, onclick: remove }, "prefix ", h("bdi", { class: "key" }, shownKey(prefix)), h("span", { class: "muted", "aria-hidden": "true" }, "×"));
  return chip;
}

/** @param {HTMLElement} root @returns {import("./types.js").Mounted} */
export function tasksPage(root) {
  const form = searchForm(() => {
    // The next page would be that of what was looked for before.
    more.hidden = true;
    pages.first();
  });
  const sum = h("span", { class: "muted tabular", role: "status" });
  const asOf = h("span", { class: "muted tabular" });
  const still = h("span", { class: "as-of", hidden: true }, asOf, " ", h("button", { type: "button", onclick: () => pages.again() }, "Refresh"));
  const table = taskTable();
  const empty = h("p", { class: "empty" });
  const more = h("button", { type: "button", hidden: true, onclick: () => pages.next() }, "More");
  root.append(
    h("div", { class: "page-head" }, h("h1", {}, "Tasks"), ...form.elements, sum, still),
    h("section", { class: "panel table-wrap" }, table.element, empty),
    h("p", { class: "more-row" }, more),
  );

  /** @param {Listed} listed @param {boolean} isKeptFresh */
  function show({ rows, after, total }, isKeptFresh) {
    table.draw(rows);
    more.hidden = after === null;
    empty.hidden = rows.length > 0;
    const filtered = form.query().size > 0;
    setText(sum, `${filtered ? `${format.count(rows.length)}${after === null ? "" : "+"} found, ` : ""}${format.plural(total, "task")} known`);
    setText(empty, filtered ? "No task that the scheduler knows fits. Tasks whose results nobody wants any more are forgotten." : "The scheduler knows no tasks.");
    still.hidden = isKeptFresh;
    setText(asOf, `as of ${format.clock(store.now())}`);
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

/** @typedef {{rows: any[], after: number|null, total: number}} Listed `after`: where the next ones begin, null if there are none */

/**
 * The first `wanted` rows, in as many questions as it takes.
 * @param {URLSearchParams} query @param {number} wanted @param {Listed} begun rows that are here already @param {AbortSignal} signal
 */
async function listed(query, wanted, begun, signal) {
  let { rows, after, total } = begun;
  do {
    const asked = new URLSearchParams(query);
    asked.set("limit", String(Math.min(ROWS_AT_ONCE, wanted - rows.length)));
    if (after !== null) asked.set("after", String(after));
    const answer = await get(`tasks?${asked}`, signal);
    rows = [...rows, ...answer.tasks];
    ({ after, total } = answer);
  } while (after !== null && rows.length < wanted);
  return { rows, after, total };
}

/** @type {Listed} */
const NOTHING = { rows: [], after: null, total: 0 };

/**
 * Asks for the first page and for further ones; for all that is shown again and again while something happens and the page is
 * seen, unless that is too much.
 * @param {() => URLSearchParams} query
 * @param {(listed: Listed, isKeptFresh: boolean) => void} show @param {(words: string) => void} failed
 */
function askedPages(query, show, failed) {
  let shown = NOTHING;
  let wanted = PAGE_ROWS;
  /** @type {AbortController|null} of the question that is open */
  let asking = null;
  let answeredMs = 0;
  const isKeptFresh = () => wanted <= ROWS_AT_ONCE;

  /** What was asked before is not wanted any more. @param {number} rows @param {Listed} begun */
  async function ask(rows, begun) {
    asking?.abort();
    const own = new AbortController();
    asking = own;
    try {
      shown = await listed(query(), rows, begun, own.signal);
      wanted = rows;
      show(shown, isKeptFresh());
    } catch (error) {
      if (own.signal.aborted) return;
      failed(error instanceof ApiError ? error.message : String(error));
    } finally {
      if (asking === own) asking = null;
      answeredMs = performance.now();
    }
  }

  const end = store.listen(() => {
    if (document.hidden || asking || !isKeptFresh() || performance.now() - answeredMs < AGAIN_MS) return;
    void ask(wanted, NOTHING);
  });
  void ask(PAGE_ROWS, NOTHING);
  return {
    first: () => void ask(PAGE_ROWS, NOTHING),
    next: () => void ask(shown.rows.length + PAGE_ROWS, shown),
    again: () => void ask(wanted, NOTHING),
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
    return { element: h("tr", {}, h("td", { class: "wide" }, taskLink(task.key)), h("td", { class: "state" }, dot, state), worker, size, duration), dot, state, worker, named: undefined, size, duration };
  };
  const update = (/** @type {any} */ row, /** @type {any} */ task) => {
    row.dot.dataset.state = task.state;
    setText(row.state, task.state);
    if (row.named !== task.worker) {
      row.named = task.worker;
      replace(row.worker, workerCellLink(task.worker ?? null));
    }
    setText(row.size, format.bytes(task.nbytes || null));
    setText(row.duration, format.duration(task.duration_s));
  };
  return { element, draw: (/** @type {any[]} */ rows) => keyed(body, made, distinct(rows), (task) => task.key, make, update) };
}

/** Between two pages a task may move and come twice. @param {any[]} rows */
const distinct = (rows) => [...new Map(rows.map((row) => [row.key, row])).values()];
