// @ts-check
// The Events page: workers and clients that came and went, retries, errors, restarts; the newest on top.

import { h, keyed, setText, tasksPath, workerPath } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { store } from "./store.js";

const DRAW_MS = 500;
/** Relative times go on although nothing happens. */
const AGE_MS = 5000;

/** @param {HTMLElement} root @returns {import("./types.js").Mounted} */
export function eventsPage(root) {
  const kinds = h("div", { class: "chips", role: "group", "aria-label": "Kinds of events" });
  const sum = h("span", { class: "muted tabular", role: "status" });
  const list = h("ol", { class: "events" });
  const empty = h("p", { class: "empty" });
  root.append(h("div", { class: "page-head" }, h("h1", {}, "Events"), sum, kinds), h("section", { class: "panel", "aria-label": "Events" }, list, empty));
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
    const names = [...counts.keys()].sort();
    keyed(kinds, chips, names, (kind) => kind, makeChip, (chip, kind) => {
      setText(chip.count, format.count(counts.get(kind)));
      chip.element.setAttribute("aria-pressed", String(chosen.has(kind)));
    });
    const shown = chosen.size ? events.filter((event) => chosen.has(event.kind)) : events;
    keyed(list, made, shown, (event) => event.number, makeEvent, updateEvent);
    setText(sum, chosen.size ? `${format.count(shown.length)} of ${format.plural(events.length, "event")}` : format.plural(events.length, "event"));
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

/** Where there is more about it, if anywhere. @param {import("./types.js").EventRow} event */
function pathOf({ kind, subject }) {
  if (kind.startsWith("worker-") && kind !== "worker-refused") return workerPath(subject);
  if (kind === "error") return tasksPath(subject, "erred");
  return kind === "retry" ? tasksPath(subject) : null;
}

/** @param {import("./types.js").EventRow} event */
function makeEvent(event) {
  const ago = h("span", { class: "ago tabular" });
  const time = h("time", { class: "tabular muted" });
  const count = h("span", { class: "times tabular" });
  const text = h("span", { class: "text" });
  const path = pathOf(event);
  const subject = event.subject ? h("bdi", { class: "subject" }, path ? h("a", { href: path }, event.subject) : event.subject) : null;
  return { element: h("li", {}, ago, time, h("span", { class: "tag", "data-kind": event.kind }, event.kind), h("div", { class: "event-words text" }, subject, " ", text, count)), ago, time, count, text };
}

/** @param {any} made @param {import("./types.js").EventRow} event */
function updateEvent(made, event) {
  setText(made.ago, format.ago(event.at, store.now()));
  setText(made.time, format.clock(event.at));
  made.time.title = format.moment(event.at);
  setText(made.count, event.count > 1 ? ` ×${format.count(event.count)}` : "");
  setText(made.text, event.text);
}
