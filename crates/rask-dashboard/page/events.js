// @ts-check
// The Events page: workers and clients that came and went, retries, errors, restarts; the newest on top.

import { h, keyed, setAttribute, setText, tasksPath } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { EVENTS_MAX, isOfTasks, store } from "./store.js";
import { pathToWorker } from "./worker_links.js";

/** Of tasks, and of all else, the scheduler keeps so many. */
const KEPT = 500;
const DRAW_MS = 500;
/** Relative times go on although nothing happens. */
const AGE_MS = 5000;

/** @param {HTMLElement} root @returns {import("./types.js").Mounted} */
export function eventsPage(root) {
  const kinds = h("div", { class: "chips", role: "group", "aria-label": "Kinds of events" });
  const sum = h("span", { class: "muted tabular", role: "status" });
  const list = h("ol", { class: "events" });
  const empty = h("p", { class: "empty" });
  const earlier = h("p", { class: "empty" }, `Earlier ones are forgotten: of tasks the last ${KEPT} events are kept, and as many of workers and clients.`);
  root.append(h("div", { class: "page-head" }, h("h1", {}, "Events"), sum, kinds), h("section", { class: "panel", "aria-label": "Events" }, list, empty, earlier));
  /** @type {Set<string>} kinds that are chosen; none means all */
  const chosen = new Set();
  /** @type {Map<number, any>} */
  const made = new Map();
  /** @type {Map<string, any>} */
  const chips = new Map();

  const draw = throttled(() => {
    const events = [...store.events.values()].sort((a, b) => b.at - a.at || b.number - a.number);
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const event of events) counts.set(event.kind, (counts.get(event.kind) ?? 0) + event.count);
    const { happened, areKept } = forgotten(events);
    const names = [...counts.keys()].sort();
    keyed(kinds, chips, names, (kind) => kind, makeChip, (chip, kind) => {
      setText(chip.count, `${format.count(counts.get(kind))}${areKept(kind) ? "" : "+"}`);
      chip.element.setAttribute("aria-pressed", String(chosen.has(kind)));
    });
    const shown = chosen.size ? events.filter((event) => chosen.has(event.kind)) : events;
    keyed(list, made, shown, (event) => event.number, makeEvent, updateEvent);
    const isAll = (chosen.size ? [...chosen] : names).every(areKept);
    const part = chosen.size || !isAll ? `${isAll ? "" : "the last "}${format.count(shown.length)} of ` : "";
    setText(sum, part + format.plural(happened, "event"));
    earlier.hidden = isAll;
    empty.hidden = shown.length > 0;
    setText(empty, events.length ? "None of these kinds." : "Nothing has happened yet.");
  }, DRAW_MS);

  /** @param {string} kind */
  function makeChip(kind) {
    const count = h("span", { class: "tabular muted" });
    const choose = () => {
      if (!chosen.delete(kind)) chosen.add(kind);
      draw.now();
    };
    return { element: h("button", { type: "button", class: "tag", "data-kind": kind, onclick: choose }, kind, " ", count), count };
  }

  const end = store.listen(draw.wish);
  const timer = setInterval(draw.wish, AGE_MS);
  draw.now();
  return {
    title: "Events",
    leave: () => {
      clearInterval(timer);
      end();
      draw.end();
    },
  };
}

/**
 * How many there ever were, since they are numbered from 0, and whether all of a kind are here.
 * @param {import("./types.js").EventRow[]} events
 */
function forgotten(events) {
  const happened = events.reduce((most, { number }) => Math.max(most, number + 1), 0);
  const ofTasks = events.filter(({ kind }) => isOfTasks(kind)).length;
  const [tasksAreKept, othersAreKept] = [ofTasks < KEPT && events.length < EVENTS_MAX, events.length - ofTasks < KEPT];
  const areKept = (/** @type {string} */ kind) => happened === events.length || (isOfTasks(kind) ? tasksAreKept : othersAreKept);
  return { happened, areKept };
}

/** Where there is more about it, if anywhere. @param {import("./types.js").EventRow} event */
function pathOf({ kind, subject, worker_id }) {
  if (kind.startsWith("worker-") && kind !== "worker-refused") return pathToWorker(subject, worker_id);
  if (kind === "error") return tasksPath(subject, "erred");
  return kind === "retry" ? tasksPath(subject) : null;
}

/** @param {import("./types.js").EventRow} event */
function makeEvent(event) {
  const ago = h("span", { class: "ago tabular" });
  const time = h("time", { class: "tabular muted" });
  const count = h("span", { class: "times tabular" });
  const text = h("span", { class: "text" });
  const link = pathOf(event) === null ? null : h("a", {}, event.subject);
  const subject = event.subject ? h("bdi", { class: "subject" }, link ?? event.subject) : null;
  return { element: h("li", {}, ago, time, h("span", { class: "tag", "data-kind": event.kind }, event.kind), h("div", { class: "event-words text" }, subject, " ", text, count)), ago, time, count, text, link };
}

/** @param {any} made @param {import("./types.js").EventRow} event */
function updateEvent(made, event) {
  setText(made.ago, format.ago(event.at, store.now()));
  setText(made.time, format.clock(event.at));
  made.time.title = format.moment(event.at);
  setText(made.count, event.count > 1 ? ` ×${format.count(event.count)}` : "");
  setText(made.text, event.text);
  // The worker that joined may leave.
  if (made.link) setAttribute(made.link, "href", pathOf(event) ?? "");
}
