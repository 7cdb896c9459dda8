// @ts-check
// The page of one worker: what it is, what it executes and for how long, its log.

import { GIVEN_UP, h, keyed, panel, replace, setAttribute, setText, taskLink, workerPath } from "./dom.js";
import * as format from "./format.js";
import { processOf, sharedWords } from "./process.js";
import { refreshed } from "./refresh.js";
import { workerCharts } from "./series.js";
import { store } from "./store.js";
import { goneWorkerPath } from "./worker_links.js";

const ASK_MS = 1000;
/** So near to its end a log counts as read to the end, and follows. */
const AT_END_PX = 30;

/** @param {HTMLElement} root @param {string} name "" if the address says `id` @returns {import("./types.js").Mounted} */
export function workerPage(root, name) {
  // Its number: names are used again.
  const asked = new URLSearchParams(location.search).get("id");
  const status = h("span", { class: "badge" });
  const heading = h("bdi", {}, asked === null ? name : (store.names.get(Number(asked)) ?? `worker ${asked}`));
  const message = leavingMessage();
  const facts = h("dl", { class: "facts" });
  const earlier = earlierPanel();
  const executing = executingPanel();
  const assigned = assignedPanel();
  const log = logPanel();
  /** @type {number|undefined} */
  let id = asked === null ? [...store.workers.values()].find((row) => row.name === name || row.address === name)?.id : Number(asked);
  const charts = workerCharts(() => id);
  const left = h("div", { class: "column" }, h("section", { class: "panel", "aria-label": "Facts" }, facts), earlier.element, ...charts.map((chart) => chart.element));
  const right = h("div", { class: "column" }, executing.element, assigned.element, log.element);
  const content = h("div", { class: "worker-grid", hidden: true }, left, right);
  root.append(h("nav", { class: "crumbs", "aria-label": "Way back" }, h("a", { href: "workers" }, "Workers"), " /"), h("div", { class: "page-head" }, h("h1", { class: "text" }, heading), status), message.element, content);

  const tell = (/** @type {string} */ word) => {
    setText(status, word.replace("_", " "));
    status.dataset.kind = word === "running" ? "good" : "warn";
  };
  const end = refreshed(
    asked === null ? `worker?name=${encodeURIComponent(name)}` : `worker?id=${encodeURIComponent(asked)}`,
    ASK_MS,
    (answer) => {
      const { worker, gone } = answer;
      id = worker?.id ?? gone?.id ?? id;
      if (asked !== null) setText(heading, (worker ?? gone).name);
      content.hidden = false;
      if (worker) {
        message.say("");
        showFacts(facts, worker);
      } else {
        showFactsOfGone(facts, gone);
        message.say(`It left ${format.ago(gone.at, store.now())}: ${gone.reason}`, gone.name);
      }
      tell(worker?.status ?? "gone");
      earlier.show(answer.earlier.filter((/** @type {Earlier} */ one) => id === undefined || one.id < id));
      executing.show(answer.executing);
      assigned.show(answer.assigned, worker?.processing ?? 0);
      log.show(answer.log);
    },
    (error) => {
      message.say(error.message);
      if (error.status === 404) {
        id = undefined;
        tell("not known");
      }
    },
  );
  return {
    title: `${heading.textContent} · worker`,
    leave: () => {
      end();
      for (const chart of charts) chart.leave();
    },
  };
}

/** What there is to say instead of facts, and, of one that is gone, where its name is now. */
function leavingMessage() {
  const words = h("p", { class: "text" }, "Asking…");
  const link = h("a");
  const other = h("p", { hidden: true }, "Another worker of its name is here: ", link);
  const element = h("div", { class: "empty", role: "status" }, words, other);
  return {
    element,
    /** @param {string} text @param {string} [name] of the one that is gone */
    say(text, name) {
      element.hidden = text === "";
      setText(words, text);
      other.hidden = name === undefined || ![...store.workers.values()].some((row) => row.name === name);
      setText(link, name ?? "");
      setAttribute(link, "href", workerPath(name ?? ""));
    },
  };
}

/** @typedef {{id: number, at: number, reason: string}} Earlier */

/** Its predecessors: where workers are started anew, as by a nanny, they keep the name. */
function earlierPanel() {
  const { element, body } = panel("Earlier workers of this name", "earlier");
  const list = h("ol", { class: "earlier-list" });
  body.append(list);
  element.hidden = true;
  /** @type {Map<number, any>} */
  const made = new Map();
  const make = (/** @type {Earlier} */ one) => {
    const link = h("a", { href: goneWorkerPath(one.id), title: format.moment(one.at) });
    return { element: h("li", { class: "tabular" }, link, h("span", { class: "text" }, one.reason)), link };
  };
  return {
    element,
    /** @param {Earlier[]} workers newest first */
    show(workers) {
      element.hidden = workers.length === 0;
      keyed(list, made, workers, (one) => one.id, make, (row, one) => setText(row.link, `left ${format.ago(one.at, store.now())}`));
    },
  };
}

/** @param {Record<string, number>} [resources] */
const amounts = (resources) => Object.entries(resources ?? {}).map(([name, amount]) => `${name} ${amount}`).join(", ") || "none";

/** @param {HTMLElement} list @param {[string, string][]} facts */
function fillFacts(list, facts) {
  if (list.childElementCount !== 2 * facts.length) replace(list, ...facts.flatMap(([title]) => [h("dt", {}, title), h("dd", { class: "text" })]));
  facts.forEach(([, text], i) => setText(list.children[2 * i + 1], text));
}

/** What was known of it from its start. @param {HTMLElement} list @param {any} gone */
function showFactsOfGone(list, gone) {
  fillFacts(list, [
    ["Address", gone.address],
    ["Process", `${gone.pid ?? format.UNKNOWN} on ${gone.host ?? format.UNKNOWN}`],
    ["Threads", String(gone.nthreads)],
    ["Runs", [gone.runtime, gone.version && `rask ${gone.version}`].filter(Boolean).join(", ") || format.UNKNOWN],
    ["Joined", format.ago(gone.joined, store.now())],
    ["Left", format.moment(gone.at)],
    ["Resources", amounts(gone.resources)],
  ]);
}

/** @param {HTMLElement} list @param {import("./types.js").WorkerRow} row */
function showFacts(list, row) {
  const now = store.now();
  const process = processOf(row);
  const { memory, cpu, threads } = process;
  const whose = sharedWords(process);
  const limit = process.limit ? format.bytes(process.limit) : "none";
  fillFacts(list, [
    ["Address", row.address],
    ["Process", `${row.pid ?? format.UNKNOWN} on ${row.host ?? format.UNKNOWN}`],
    ["Threads", String(row.nthreads)],
    ["Runs", [row.runtime, row.version && `rask ${row.version}`].filter(Boolean).join(", ") || format.UNKNOWN],
    ["Memory", `${format.bytes(memory)} ${whose ? `${whose}, limit ${limit}` : "in all"}; ${format.bytes(row.managed_bytes)} in ${format.plural(row.in_memory, "value")}${whose ? " here" : `; limit ${limit}`}`],
    ["CPU", `${format.percent(cpu)}${whose && ` ${whose}, on ${format.plural(threads, "thread")}`}`],
    ["Tasks", `${format.count(row.processing)} processing, ${format.count(row.executing)} of them executing; about ${format.duration(row.occupancy_s)} of work`],
    ["Network", `${format.bytes(row.received_bytes)} fetched, ${format.bytes(row.sent_bytes)} sent`],
    ["Joined", `${format.ago(row.joined, now)}, last seen ${format.ago(row.last_seen, now)}`],
    ["Folder", row.local_directory ?? format.UNKNOWN],
    ["Resources", amounts(row.resources)],
  ]);
}

function executingPanel() {
  const { element, body } = panel("Executing now", "executing");
  const list = h("ul", { class: "plain-list" });
  const none = h("p", { class: "muted" }, "Nothing has been executing for more than a quarter of a second.");
  body.append(list, none);
  /** @type {Map<string, any>} */
  const made = new Map();
  const make = (/** @type {any} */ item) => {
    const time = h("b", { class: "tabular" });
    const thread = h("span", { class: "muted" }, `thread ${item.thread}`);
    const note = h("span", { class: "muted" });
    return { element: h("li", {}, h("i", { class: "dot", "data-state": "processing" }), taskLink(item.key), note, thread, time), time, note };
  };
  return {
    element,
    /** @param {any[]} items */
    show(items) {
      none.hidden = items.length > 0;
      keyed(list, made, items, (item) => `${item.thread} ${item.key}`, make, (row, item) => {
        setText(row.time, format.duration(item.for_s));
        setText(row.note, item.given_up ? GIVEN_UP : "");
      });
    },
  };
}

function assignedPanel() {
  const { element, body, heading } = panel("Assigned", "assigned");
  const list = h("ol", { class: "plain-list" });
  const none = h("p", { class: "muted" }, "It has nothing to do.");
  body.append(list, none);
  /** @type {Map<string, any>} */
  const made = new Map();
  const make = (/** @type {any} */ item) => {
    const dot = h("i", { class: "dot" });
    const state = h("span", { class: "muted" });
    return { element: h("li", {}, dot, taskLink(item.key), state), dot, state };
  };
  return {
    element,
    /** @param {any[]} items @param {number} total */
    show(items, total) {
      none.hidden = items.length > 0;
      setText(none, total ? "Only what was cancelled or released." : "It has nothing to do.");
      setText(heading, items.length && items.length < total ? `Assigned, the first ${items.length} of ${format.count(total)}` : "Assigned");
      keyed(list, made, items, (item) => item.key, make, (row, item) => {
        row.dot.dataset.state = item.state;
        setText(row.state, item.state);
      });
    },
  };
}

/** What was logged begins with its level. @param {{topic: string, text: string}} item */
const levelOf = ({ topic, text }) => (topic === "log" ? (/^(WARNING|ERROR|CRITICAL)\b/.exec(text)?.[1] ?? null) : null);

function logPanel() {
  const { element, body } = panel("Log", "log");
  const list = h("ol", { class: "log-lines", tabindex: 0, "aria-label": "Log" });
  const none = h("p", { class: "muted" }, "It has said nothing yet.");
  body.append(list, none);
  /** @type {Map<string, any>} */
  const made = new Map();
  const make = (/** @type {any} */ { item }) => ({
    element: h(
      "li",
      { "data-topic": item.topic, "data-level": levelOf(item) },
      h("time", { class: "tabular", title: format.moment(item.at) }, format.clock(item.at)),
      h("span", { class: "topic" }, item.topic),
      h("span", { class: "log-text text" }, h("bdi", {}, item.text)),
    ),
  });
  return {
    element,
    /** @param {any[]} lines */
    show(lines) {
      none.hidden = lines.length > 0;
      const follows = list.scrollHeight - list.scrollTop - list.clientHeight < AT_END_PX;
      // Equal lines at one time are told apart by how many went before.
      /** @type {Map<string, number>} */
      const seen = new Map();
      const items = lines.map((item) => {
        const name = `${item.at} ${item.topic} ${item.text}`;
        const nth = (seen.get(name) ?? 0) + 1;
        seen.set(name, nth);
        return { item, name: `${nth} ${name}` };
      });
      keyed(list, made, items, (one) => one.name, make, () => {});
      if (follows) list.scrollTop = list.scrollHeight;
    },
  };
}

