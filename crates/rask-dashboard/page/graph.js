// @ts-check
// The Graph page: what depends on what, coloured as it runs; of many tasks their groups, which can be opened.

import { onColours, STATES } from "./colours.js";
import { h, replace, setText, shownKey, taskLink, taskPath } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { BOX, drawGraph, makeRoom, radiusOf, spacingOf } from "./graph_draw.js";
import { live } from "./live.js";
import { PictureView, steer } from "./picture_view.js";
import { countsOf } from "./progress.js";
import { router } from "./router.js";
import { store } from "./store.js";
import { surface } from "./surface.js";
import { hideTip, showTip } from "./tooltip.js";

const TABLE_ROWS = 200;
/** Neighbours are pulled no further apart than that to fill the window. */
const APART_PX = { x: 240, y: 60 };
const TASK_TITLES = ["Task", "State"];
const SO_FAR = "Tasks so far";
const GROUP_TITLES = ["Prefix", SO_FAR, "Of these (those released or given up may exist no more)"];
const groupPath = (/** @type {string} */ prefix) => `graph?group=${encodeURIComponent(prefix)}`;

/** @param {HTMLElement} root @returns {import("./types.js").Mounted} */
export function graphPage(root) {
  const group = new URLSearchParams(location.search).get("group");
  const page = new GraphPage(root, group);
  return { title: group === null ? "Graph" : `${format.oneLine(group, 40)} · graph`, leave: () => page.leave() };
}

class GraphPage {
  /** @param {HTMLElement} root @param {string|null} group */
  constructor(root, group) {
    this.group = group;
    /** @type {import("./types.js").Graph|null} */
    this.graph = null;
    this.spacing = { x: 1, y: 1 };
    this.view = new PictureView();
    this.hovered = -1;
    this.lay(root);
    this.drawer = throttled(() => this.draw(), 60);
    this.surface = surface(this.box, this.canvas, () => {
      if (this.view.untouched) this.fit();
      this.paint();
    });
    steer(this.canvas, this.view, {
      changed: () => this.drawer.now(),
      fit: () => this.fit(),
      point: (at) => this.point(at),
      choose: (at, event) => this.choose(at, event),
    });
    this.ends = [
      live.watchGraph(group, (message) => this.hear(message)),
      // The counts of groups come with pulses.
      store.listen(() => this.graph?.of === "groups" && this.drawer.wish()),
      onColours(() => this.drawer.now()),
      () => this.surface.end(),
      this.hearOfConnection(),
    ];
  }

  /** Without a graph, says whether one can be expected. */
  hearOfConnection() {
    const say = () => {
      if (this.graph) return;
      const { connection } = live;
      const isNone = connection === "ended" || connection === "refused" || connection === "blocked";
      setText(this.message, isNone ? "There is no cluster to ask for the graph." : connection === "reconnecting" ? "The graph is asked for when the cluster answers again…" : "Asking for the graph…");
    };
    say();
    live.listeners.add(say);
    return () => live.listeners.delete(say);
  }

  /** @param {HTMLElement} root */
  lay(root) {
    const button = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ does) => h("button", { type: "button", class: "quiet", title, "aria-label": title, onclick: does }, text);
    const zoom = (/** @type {number} */ factor) => () => {
      this.view.zoomAt(factor, this.surface.width / 2, this.surface.height / 2);
      this.drawer.now();
    };
    this.sum = h("span", { class: "muted tabular", role: "status" });
    this.legend = h("span", { class: "legend" });
    this.canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": "Graph. Wheel or + and −: zoom. Drag or arrow keys: move. 0: fit. The same as a table is below." });
    this.message = h("p", { class: "empty over" }, "Asking for the graph…");
    this.box = h("div", { class: "graph-box" }, this.canvas, this.message);
    this.rows = h("tbody");
    this.titles = h("tr");
    this.table = h("details", { class: "as-table" }, h("summary", {}, "The same as a table"), h("div", { class: "table-wrap" }, h("table", {}, h("thead", {}, this.titles), this.rows)));
    this.table.addEventListener("toggle", () => this.fillTable());
    const back = this.group === null ? null : h("nav", { class: "crumbs", "aria-label": "Way back" }, h("a", { href: "graph" }, "All groups"), " / ", h("bdi", { class: "text" }, this.group));
    root.append(
      ...[back].filter((one) => one !== null),
      h("div", { class: "page-head" }, h("h1", {}, "Graph"), this.sum, this.legend, h("span", { class: "tools" }, button("−", "Smaller", zoom(1 / 1.3)), button("+", "Larger", zoom(1.3)), button("fit", "Show all", () => this.fit()))),
      h("section", { class: "panel graph-panel", "aria-label": "Graph" }, this.box, this.table),
    );
  }

  leave() {
    this.drawer.end();
    hideTip();
    for (const end of this.ends) end();
  }

  /** @param {any} message */
  hear(message) {
    if (message.type === "graph") {
      if ((message.group ?? null) !== this.group) return;
      const first = this.graph === null || this.graph.of !== message.of;
      this.graph = /** @type {import("./types.js").Graph} */ (message);
      if (this.graph.of === "groups") makeRoom(this.graph);
      this.spacing = spacingOf(this.graph);
      this.hovered = -1;
      if (first || this.view.untouched) this.fit();
    } else if (this.graph && message.version === this.graph.version) {
      for (const [i, state] of message.states) if (this.graph.nodes[i]) this.graph.nodes[i].state = state;
    }
    this.drawer.wish();
  }

  fit() {
    if (!this.graph) return;
    const widest = this.graph.of === "tasks" ? { x: APART_PX.x / this.spacing.x, y: APART_PX.y / this.spacing.y } : undefined;
    this.view.fit(this.graph, this.surface, widest);
    this.drawer.now();
  }

  draw() {
    const { graph } = this;
    if (!graph) return;
    this.message.hidden = graph.nodes.length > 0;
    if (graph.nodes.length === 0) {
      setText(this.message, this.group === null ? "There are no tasks. A graph shows up here while its tasks are known: when it is computed, or its futures are held." : "There are no tasks of this prefix any more.");
    }
    this.paint();
    this.say(graph);
    if (this.table.open) this.fillTable();
  }

  /** The picture, and nothing that could change the size of its box. */
  paint() {
    if (this.graph) drawGraph(this.surface, this.view, this.graph, this.spacing, this.hovered);
  }

  /** Legend and sum. @param {import("./types.js").Graph} graph */
  say(graph) {
    const groups = graph.of === "groups";
    // The counts of the groups are of other tasks, too: those that were forgotten.
    const all = store.scheduler?.tasks ?? graph.total;
    setText(this.sum, groups ? `${format.plural(all, "task")} ${all === 1 ? "exists" : "exist"}, in ${format.plural(graph.shown, "group")}` : graph.shown < graph.total ? `${format.count(graph.shown)} of ${format.plural(graph.total, "task")}` : format.plural(graph.total, "task"));
    /** @type {Map<string, number>} */
    const counts = new Map();
    if (!groups) for (const node of graph.nodes) counts.set(node.state ?? "", (counts.get(node.state ?? "") ?? 0) + 1);
    const shown = STATES.filter((state) => (groups ? state !== "forgotten" : counts.get(state)));
    const words = shown.map((state) => `${state}${groups ? "" : ` ${format.count(counts.get(state))}`}`);
    if (this.legend.textContent === words.join("")) return;
    replace(this.legend, ...shown.map((state, i) => h("span", { class: "tabular" }, h("i", { class: "swatch", "data-state": state }), words[i])));
  }

  /** @param {{x: number, y: number}} at */
  nodeAt(at) {
    const { graph, view } = this;
    if (!graph) return -1;
    let best = -1;
    let distance = Math.max(7, radiusOf(this.spacing, view) + 3);
    graph.nodes.forEach((node, i) => {
      const [dx, dy] = [Math.abs(view.x(node.x) - at.x), Math.abs(view.y(node.y) - at.y)];
      if (graph.of === "groups") {
        if (dx <= (BOX.width / 2) * view.zoom && dy <= (BOX.height / 2) * view.zoom) best = i;
      } else if (Math.hypot(dx, dy) <= distance) {
        best = i;
        distance = Math.hypot(dx, dy);
      }
    });
    return best;
  }

  /** @param {{x: number, y: number}|null} at */
  point(at) {
    const hovered = at ? this.nodeAt(at) : -1;
    this.canvas.classList.toggle("pointing", hovered >= 0);
    if (hovered !== this.hovered) {
      this.hovered = hovered;
      this.drawer.now();
    }
    if (hovered < 0 || !at || !this.graph) {
      hideTip();
      return;
    }
    const box = this.canvas.getBoundingClientRect();
    showTip(box.left + at.x, box.top + at.y, ...wordsOf(this.graph.nodes[hovered]));
  }

  /** @param {{x: number, y: number}} at @param {MouseEvent} event */
  choose(at, event) {
    const node = this.graph?.nodes[this.nodeAt(at)];
    if (!node) return;
    const path = node.key === undefined ? groupPath(node.prefix) : taskPath(node.key);
    if (event.ctrlKey || event.metaKey) window.open(path, "_blank", "noopener");
    else router.go(path);
  }

  fillTable() {
    if (!this.graph || !this.table.open) return;
    const cells = (/** @type {import("./types.js").GraphNode} */ node) =>
      node.key === undefined
        ? groupCells(node.prefix)
        : [h("td", {}, taskLink(node.key)), h("td", {}, h("i", { class: "dot", "data-state": node.state }), node.state ?? "")];
    // Focus within would be lost at each redraw.
    if (this.rows.contains(document.activeElement)) return;
    const titles = this.graph.of === "groups" ? GROUP_TITLES : TASK_TITLES;
    replace(this.titles, ...titles.map((title) => h("th", { scope: "col", class: title === SO_FAR ? "number" : null }, title)));
    replace(this.rows, ...this.graph.nodes.slice(0, TABLE_ROWS).map((node) => h("tr", {}, ...cells(node))));
  }
}

/** @param {string} prefix */
function groupWords(prefix) {
  const row = store.prefixes.get(prefix);
  return row ? `${format.plural(row.total, "task")} so far: ${countsOf(row)}` : "";
}

/** @param {string} prefix */
function groupCells(prefix) {
  const row = store.prefixes.get(prefix);
  const link = h("a", { class: "key", href: groupPath(prefix) }, shownKey(prefix));
  return [h("td", {}, link), h("td", { class: "number" }, format.count(row?.total)), h("td", {}, row ? countsOf(row) : "")];
}

/** @param {import("./types.js").GraphNode} node */
function wordsOf(node) {
  if (node.key === undefined) return [h("p", { class: "tip-title" }, h("bdi", {}, format.oneLine(node.prefix, 80))), h("p", {}, groupWords(node.prefix)), h("p", { class: "muted" }, "Click for its tasks")];
  return [
    h("p", { class: "tip-title" }, h("i", { class: "swatch", "data-state": node.state }), node.state ?? ""),
    h("p", { class: "tip-key" }, h("bdi", {}, format.oneLine(node.key, 120))),
  ];
}
