// @ts-check
// The header: tabs, the cluster's totals, how the connection stands, light or dark.

import { isDark, onColours, toggleTheme } from "./colours.js";
import { h, keyed, replace, setStyle, setText } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { live } from "./live.js";
import { processes } from "./process.js";
import { router } from "./router.js";
import { store } from "./store.js";

const TABS = [
  ["status", "Status"],
  ["graph", "Graph"],
  ["workers", "Workers"],
  ["tasks", "Tasks"],
  ["events", "Events"],
];

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

export function startHeader() {
  const totals = startTotals();
  startConnection();
  startTheme();
  store.listen(totals.wish);
  startNames();
  return { showTab: startTabs() };
}

/** Links, so that they can be opened beside; arrow keys go from one to the next. */
function startTabs() {
  const tabs = byId("tabs");
  const links = TABS.map(([tab, title]) => h("a", { href: tab, "data-tab": tab }, title));
  tabs.append(...links);
  tabs.addEventListener("keydown", (event) => {
    const at = links.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: links.length - 1 - at }[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    links[(at + step + links.length) % links.length].focus();
  });
  return (/** @type {string} */ current) => {
    for (const link of links) {
      if (link.dataset.tab === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };
}

/** Whoever has two clusters open tells them apart by where their schedulers are. */
function startNames() {
  const brand = /** @type {HTMLElement} */ (document.querySelector(".brand"));
  store.listen(({ scheduler }) => {
    router.nameCluster(placeOf(scheduler.address));
    brand.title = `The scheduler at ${scheduler.address}, rask ${scheduler.version}`;
  });
}

/** 10.0.0.5:8786. One that listens everywhere is where this page is. @param {string} address */
function placeOf(address) {
  const place = address.replace(/^\w+:\/\//, "");
  return place.replace(/^(0\.0\.0\.0|\[::\])(?=:\d+$)/, location.hostname);
}

function startTotals() {
  const list = byId("totals");
  /** @type {Map<string, any>} */
  const made = new Map();
  const draw = () => {
    const { scheduler } = store;
    if (!scheduler) return;
    keyed(list, made, totalsOf(scheduler), (item) => item.title, makeTotal, (row, item) => {
      setText(row.value, item.value);
      setText(row.of, item.of ?? "");
      row.element.title = item.hint;
      row.meter.hidden = item.share === undefined;
      if (item.share !== undefined) {
        setStyle(row.fill, "width", `${(item.share * 100).toFixed(1)}%`);
        row.meter.classList.toggle("warn", item.share > 0.8);
      }
    });
  };
  return throttled(draw, 400);
}

/** @param {import("./types.js").Scheduler} scheduler */
function totalsOf(scheduler) {
  const all = [...processes().values()];
  const memory = all.reduce((sum, process) => sum + process.memory, 0);
  const limit = all.reduce((sum, process) => sum + process.limit, 0);
  const bounded = limit > 0 && all.every((process) => process.limit);
  return [
    { title: "Workers", value: format.count(scheduler.workers), hint: `${format.plural(scheduler.clients, "client")} connected` },
    { title: "Threads", value: format.count(scheduler.threads), hint: "Threads that execute tasks" },
    { title: "Tasks", value: format.count(scheduler.tasks), hint: `Tasks that the scheduler knows; ${format.count(scheduler.finished)} executions gave a value, ${format.count(scheduler.erred)} raised` },
    {
      title: "Memory",
      value: format.bytes(memory),
      of: bounded ? ` / ${format.bytes(limit)}` : undefined,
      share: bounded ? Math.min(1, memory / limit) : undefined,
      hint: "Memory of the workers' processes, against their limits",
    },
    { title: "Tasks/s", value: format.short(store.history.tasksPerSecond), hint: "Executions that ended, per second, in the last two seconds" },
  ];
}

/** @param {{title: string}} item */
function makeTotal(item) {
  const value = h("span");
  const of = h("span", { class: "of" });
  const fill = h("span", { class: "fill" });
  const meter = h("span", { class: "meter", "aria-hidden": "true" }, fill);
  return { element: h("div", {}, h("dt", {}, item.title), h("dd", {}, value, of, meter)), value, of, fill, meter };
}

function startConnection() {
  const place = byId("connection");
  const notice = byId("notice");
  const words = {
    connecting: "connecting",
    live: "live",
    reconnecting: "reconnecting",
    ended: "ended",
    refused: "no access",
    blocked: "no live data",
  };
  const draw = () => {
    place.dataset.connection = live.connection;
    setText(place, words[live.connection]);
    document.body.classList.toggle("stale", live.connection !== "live" && live.connection !== "connecting");
    const said = NOTICES[live.connection];
    notice.hidden = said === undefined;
    if (said) replace(notice, ...said());
  };
  live.listeners.add(draw);
  draw();
}

/** @type {Partial<Record<import("./live.js").Connection, () => (Node|string)[]>>} what is wrong, and what can be done */
const NOTICES = {
  ended: () => [
    h("strong", {}, "This cluster has ended, or cannot be reached. "),
    "The page shows what it last knew, and goes on when a cluster answers here again. ",
    h("button", { type: "button", onclick: () => live.retryNow() }, "Try now"),
  ],
  refused: () => [
    h("strong", {}, "This page has no access to the cluster: its token is missing, or of a cluster that has ended. "),
    "Open the link with the token: the scheduler prints it as it starts, and ",
    h("code", {}, "client.dashboard_link"),
    " gives it.",
  ],
  // What stands between is to blame: plain questions are answered, the WebSocket is not.
  blocked: () => [
    h("strong", {}, "The cluster answers, but no WebSocket to it can be opened. "),
    "A proxy in between must pass on WebSockets, and the header ",
    h("code", {}, "Host"),
    " as the browser sent it; docs/dashboard.md has an example.",
  ],
};

function startTheme() {
  const button = byId("theme");
  const draw = () => {
    setText(button, isDark() ? "☀" : "☾");
    button.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
    button.title = button.getAttribute("aria-label") ?? "";
  };
  button.addEventListener("click", toggleTheme);
  onColours(draw);
  draw();
}
