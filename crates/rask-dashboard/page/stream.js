// @ts-check
// The task stream: what each thread executed in the last seconds. This module is its panel, and what pointer and keys do.

import { onColours, prefixColour } from "./colours.js";
import { GIVEN_UP, h, panel, setText, taskPath } from "./dom.js";
import * as format from "./format.js";
import { calm, throttled } from "./frame.js";
import { barEnd, firstEndingAfter, transferEnd } from "./lanes.js";
import { live } from "./live.js";
import { router } from "./router.js";
import { store } from "./store.js";
import { drawStream } from "./stream_draw.js";
import { AXIS_PX, gutterOf, layRows, rowAt, workerLabel } from "./stream_rows.js";
import { streamTable } from "./stream_table.js";
import { surface } from "./surface.js";
import { TimeWindow } from "./time_window.js";
import { hideTip, showTip } from "./tooltip.js";

/** While things move the stream moves on so often. */
const MOVE_MS = 125;
const MOVE_CALM_MS = 1000;
/** A bar is hit within so many pixels. */
const NEAR_PX = 3;
/** Wheel turns that follow each other within this time are one gesture: one that scrolls the page goes on scrolling. */
const GESTURE_MS = 250;
/** While the present is followed things move away from under the pointer: turns within this time are about what it was at first. */
const ZOOM_MS = 1000;

const HELP = "Wheel or + and −: zoom. Drag or arrow keys: move. Shift and drag: zoom to what is marked. 0 or double click: back to the present.";

/** Where somebody looks: kept, so that who comes back from a task finds it again. */
let kept = { generation: -1, view: new TimeWindow() };

function keptView() {
  const { generation } = store;
  if (kept.generation !== generation) kept = { generation, view: new TimeWindow() };
  return kept.view;
}

class Stream {
  constructor() {
    this.view = keptView();
    const goLive = h("button", { type: "button", class: "quiet live", onclick: () => this.goLive() }, "● live");
    this.liveButton = goLive;
    this.note = h("span", { class: "muted" });
    const legend = h("span", { class: "legend" }, mark("underway", "executing"), mark("erred", "erred"), mark("lost", "lost"), mark("transfer", "transfer"), mark("merged", "many short ones"));
    const zoom = (/** @type {number} */ factor) => () => this.zoom(factor);
    const { element, body } = panel(
      "Task stream",
      "stream",
      this.note,
      legend,
      h("button", { type: "button", class: "quiet", "aria-label": "Show more time", title: "Show more time", onclick: zoom(1.6) }, "−"),
      h("button", { type: "button", class: "quiet", "aria-label": "Show less time", title: "Show less time", onclick: zoom(1 / 1.6) }, "+"),
      goLive,
    );
    this.element = element;
    this.canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": `Task stream. ${HELP} The same as a table is below.` });
    this.selection = h("div", { class: "selection", hidden: true });
    this.spacer = h("div", { class: "stream-spacer" }, this.canvas);
    this.scroller = h("div", { class: "stream-scroller" }, this.spacer);
    this.empty = h("p", { class: "empty over", hidden: true }, "Nothing has been executed yet.");
    this.box = h("div", { class: "stream-box" }, this.scroller, this.selection, this.empty);
    this.table = streamTable();
    body.append(this.box, this.table.element);
    /** @type {import("./stream_rows.js").Group[]} */
    this.groups = [];
    /** @type {{x: number, y: number}|null} the pointer, in the box */
    this.pointer = null;
    /** @type {any} */
    this.hovered = null;
    /** @type {{x: number, end: number, marking: boolean, moved: boolean}|null} */
    this.drag = null;
    this.wheelElsewhereMs = -Infinity;
    /** What the wheel zooms about. */
    this.zoomed = { x: 0, at: 0, ms: -Infinity };
    this.timer = 0;
    this.drawer = throttled(() => this.draw(), 40);
    this.surface = surface(this.box, this.canvas, () => this.draw());
    const redraw = () => this.drawer.now();
    live.listeners.add(redraw);
    this.ends = [store.listen(() => this.drawer.wish()), onColours(redraw), () => live.listeners.delete(redraw), () => this.surface.end(), () => this.table.leave()];
    this.hear();
  }

  leave() {
    clearTimeout(this.timer);
    this.pointer = null;
    this.drawer.end();
    hideTip();
    for (const end of this.ends) end();
  }

  draw() {
    const moving = this.view.advance();
    const plotHeight = this.surface.height - AXIS_PX;
    if (plotHeight < 10) return;
    const laid = layRows(plotHeight, this.view.start);
    this.groups = laid.groups;
    this.view.gutter = gutterOf(this.surface.context, this.groups);
    this.spacer.style.height = `${laid.height > plotHeight + 1 ? laid.height + AXIS_PX : this.surface.height}px`;
    this.empty.hidden = store.lanes.newest > 0 || store.executing();
    this.hover();
    drawStream(this.surface, this.view, this.groups, this.scroller.scrollTop, this.hovered);
    const follows = this.view.live && !store.stopped;
    this.liveButton.setAttribute("aria-pressed", String(follows));
    setText(this.note, follows ? `last ${format.duration(this.view.span)}` : `${format.clock(this.view.start, 1)}, ${format.duration(this.view.span)}`);
    clearTimeout(this.timer);
    if (moving) this.timer = window.setTimeout(() => this.drawer.now(), calm.matches ? MOVE_CALM_MS : MOVE_MS);
  }

  /** Listens to pointer and keys. */
  hear() {
    const { canvas } = this;
    const elsewhere = (/** @type {Event} */ event) => {
      if (event.target !== canvas) this.wheelElsewhereMs = performance.now();
    };
    window.addEventListener("wheel", elsewhere, { passive: true, capture: true });
    this.ends.push(() => window.removeEventListener("wheel", elsewhere, { capture: true }));
    canvas.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.press(event));
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.move(event));
    canvas.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => this.release(event));
    canvas.addEventListener("pointercancel", () => this.endDrag());
    canvas.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.drawer.now();
    });
    canvas.addEventListener("dblclick", () => this.goLive());
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    this.scroller.addEventListener("scroll", () => this.drawer.now());
  }

  /** @param {MouseEvent} event */
  place(event) {
    const box = this.box.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  get secondsPerPx() {
    return this.view.span / Math.max(1, this.surface.width - this.view.gutter);
  }

  /** @param {number} x in the box */
  timeAt(x) {
    return this.view.start + (x - this.view.gutter) * this.secondsPerPx;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const now = performance.now();
    const { x } = this.place(event);
    if (now - this.wheelElsewhereMs < GESTURE_MS) {
      // The page is being scrolled and the stream came under the pointer.
      this.wheelElsewhereMs = now;
      return;
    }
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
    if (x < this.view.gutter && !sideways) return;
    event.preventDefault();
    if (sideways) this.view.pan(sideways * this.secondsPerPx);
    else this.zoomAt(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), x);
    this.drawer.now();
  }

  /** @param {number} factor @param {number} x in the box */
  zoomAt(factor, x) {
    const now = performance.now();
    const goesOn = now - this.zoomed.ms < ZOOM_MS && Math.abs(x - this.zoomed.x) <= NEAR_PX;
    this.zoomed = { x, at: goesOn && this.view.live ? this.zoomed.at : this.timeAt(x), ms: now };
    const { width } = this.surface;
    this.view.zoom(factor, this.zoomed.at, (width - x) / Math.max(1, width - this.view.gutter));
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.drag = { x: this.place(event).x, end: this.view.end, marking: event.shiftKey, moved: false };
    hideTip();
  }

  /** @param {PointerEvent} event */
  move(event) {
    const at = this.place(event);
    this.pointer = at;
    const { drag } = this;
    if (drag && (drag.moved || Math.abs(at.x - drag.x) > 3)) {
      drag.moved = true;
      if (drag.marking) this.mark(drag.x, at.x);
      else {
        this.view.end = drag.end;
        this.view.pan((drag.x - at.x) * this.secondsPerPx);
      }
      this.canvas.classList.toggle("dragging", !drag.marking);
    }
    this.drawer.now();
  }

  /** @param {number} from @param {number} to in the box */
  mark(from, to) {
    this.selection.hidden = false;
    this.selection.style.left = `${Math.max(this.view.gutter, Math.min(from, to))}px`;
    this.selection.style.width = `${Math.abs(to - from)}px`;
  }

  /** @param {PointerEvent} event */
  release(event) {
    const { drag } = this;
    const { x, y } = this.place(event);
    this.endDrag();
    if (!drag) return;
    if (drag.moved && drag.marking) {
      const [start, end] = [this.timeAt(Math.min(drag.x, x)), this.timeAt(Math.max(drag.x, x))];
      this.view.show(start, end);
    } else if (!drag.moved) {
      this.pointer = { x, y };
      this.hover();
      if (this.hovered?.key) {
        open(this.hovered.key, event);
        return;
      }
    }
    this.drawer.now();
  }

  endDrag() {
    this.drag = null;
    this.selection.hidden = true;
    this.canvas.classList.remove("dragging");
  }

  /** @param {number} factor */
  zoom(factor) {
    this.view.zoom(factor, this.view.end - this.view.span / 2);
    this.drawer.now();
  }

  goLive() {
    this.view.follow();
    this.drawer.now();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = this.view.span * (event.shiftKey ? 0.5 : 0.15);
    /** @type {Record<string, () => void>} */
    const does = {
      "+": () => this.zoom(1 / 1.4),
      "=": () => this.zoom(1 / 1.4),
      "-": () => this.zoom(1.4),
      ArrowLeft: () => this.view.pan(-step),
      ArrowRight: () => this.view.pan(step),
      0: () => this.goLive(),
      Home: () => this.goLive(),
    };
    const action = does[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    this.drawer.now();
  }

  /** What the pointer is at; says it in the tooltip. */
  hover() {
    this.hovered = null;
    const { pointer } = this;
    if (pointer && pointer.x >= this.view.gutter && !this.drag && pointer.y < this.surface.height - AXIS_PX) {
      const row = rowAt(this.groups, pointer.y + this.scroller.scrollTop);
      if (row) this.hovered = row.thread === null ? this.transferAt(row.group, pointer.x) : (this.barAt(row.group, row.thread, pointer.x) ?? this.unknownAt(row.group, row.thread, pointer.x));
    }
    this.canvas.classList.toggle("pointing", Boolean(this.hovered?.key));
    if (!pointer || !this.hovered) {
      hideTip();
      return;
    }
    const box = this.box.getBoundingClientRect();
    showTip(box.left + pointer.x, box.top + pointer.y, ...this.hovered.say());
  }

  /** @param {import("./stream_rows.js").Group} group @param {number} thread @param {number} x */
  barAt(group, thread, x) {
    const row = group.threads[thread];
    const at = this.timeAt(x);
    const near = NEAR_PX * this.secondsPerPx;
    let best = null;
    let distance = near;
    for (let i = firstEndingAfter(row.bars, barEnd, at - near); i < row.bars.length && row.bars[i][3] <= at + near; i += 1) {
      const bar = row.bars[i];
      const away = Math.max(0, bar[3] - at, at - barEnd(bar));
      if (away < distance || best === null) [best, distance] = [bar, away];
      if (away === 0) break;
    }
    const { underway } = row;
    if (underway && distance > 0 && underway.from - near <= at && at <= underway.to + near) {
      return { row, from: underway.from, to: underway.to, key: underway.key, say: () => underwayWords(underway, group.name, thread) };
    }
    if (!best) return null;
    const bar = best;
    return { row, from: bar[3], to: barEnd(bar), key: bar[8], say: () => barWords(bar, group.name, thread) };
  }

  /** Time of which it is not known what happened in it. @param {import("./stream_rows.js").Group} group @param {number} thread @param {number} x */
  unknownAt(group, thread, x) {
    const { knownFrom } = store.lanes;
    if (this.timeAt(x) >= knownFrom) return null;
    return { row: group.threads[thread], from: this.view.start, to: knownFrom, key: null, say: unknownWords };
  }

  /** @param {import("./stream_rows.js").Group} group @param {number} x */
  transferAt(group, x) {
    const at = this.timeAt(x);
    const near = NEAR_PX * this.secondsPerPx;
    const lane = store.lanes.transfers.get(group.id) ?? [];
    for (let i = firstEndingAfter(lane, transferEnd, at - near); i < lane.length; i += 1) {
      const transfer = lane[i];
      if (transferEnd(transfer) - store.lanes.transferMax > at + near) break;
      if (transfer[2] <= at + near) {
        return { row: group.transfers, from: transfer[2], to: transferEnd(transfer), key: transfer[6], say: () => transferWords(transfer, group.name) };
      }
    }
    return null;
  }
}

/** @param {string} key @param {MouseEvent} event */
function open(key, event) {
  if (event.ctrlKey || event.metaKey) window.open(taskPath(key), "_blank", "noopener");
  else router.go(taskPath(key));
}

/** @param {string} name @param {string} word */
const mark = (name, word) => h("span", {}, h("i", { class: `swatch mark-${name}` }), word);

/** @param {import("./types.js").Bar} bar @param {string} worker @param {number} thread */
function barWords(bar, worker, thread) {
  const [, , prefix, start, duration, busy, runs, erred, key, lost] = bar;
  const many = runs > 1;
  return [
    h("p", { class: "tip-title" }, prefixSwatch(prefix), h("bdi", {}, many ? `${format.count(runs)} executions, mostly ${format.oneLine(prefix, 60)}` : format.oneLine(prefix, 80))),
    h("p", { class: "tip-key" }, many ? "first: " : "", h("bdi", {}, format.oneLine(key, 120))),
    (many || !lost) && h("p", {}, format.duration(duration), many ? `, ${format.percent((busy / Math.max(duration, 1e-9)) * 100)} of it busy` : ""),
    erred > 0 && h("p", { class: "bad" }, many ? `${format.count(erred)} of them raised` : "raised an error"),
    lost > 0 && h("p", { class: "bad" }, many ? `${format.count(lost)} of them lost with the worker` : `lost with its worker after ${format.duration(duration)}`),
    whereWords(worker, thread, start),
  ];
}

/** @param {import("./stream_rows.js").Underway} underway @param {string} worker @param {number} thread */
function underwayWords({ prefix, key, givenUp, from, to }, worker, thread) {
  return [
    h("p", { class: "tip-title" }, prefixSwatch(prefix), h("bdi", {}, format.oneLine(prefix, 80))),
    h("p", { class: "tip-key" }, h("bdi", {}, format.oneLine(key, 120))),
    h("p", {}, `executing for ${format.duration(to - from)} so far`),
    givenUp && h("p", { class: "bad" }, GIVEN_UP),
    whereWords(worker, thread, from),
  ];
}

/** @param {string} prefix */
function prefixSwatch(prefix) {
  const swatch = h("i", { class: "swatch" });
  swatch.style.background = prefixColour(prefix);
  return swatch;
}

/** @param {string} worker @param {number} thread @param {number} start */
const whereWords = (worker, thread, start) => h("p", { class: "muted" }, h("bdi", {}, format.oneLine(worker, 60)), `, thread ${thread} · ${format.clock(start, 3)}`);

const unknownWords = () => [h("p", {}, "Of this time not all executions are known any more: only the last few thousand bars are kept.")];

/** @param {import("./types.js").Transfer} transfer @param {string} worker */
function transferWords([, from, start, duration, nbytes, values, key], worker) {
  return [
    h("p", { class: "tip-title" }, h("i", { class: "swatch mark-transfer" }), `${format.bytes(nbytes)} in ${format.plural(values, "value")}`),
    h("p", { class: "tip-key" }, h("bdi", {}, format.oneLine(key, 120))),
    h("p", {}, `${format.duration(duration)}, ${format.bytesPerSecond(nbytes / Math.max(duration, 1e-6))}`),
    h("p", { class: "muted" }, h("bdi", {}, format.oneLine(from === null ? store.nameOf(from) : workerLabel(from), 40)), " → ", h("bdi", {}, format.oneLine(worker, 40)), ` · ${format.clock(start, 3)}`),
  ];
}

export const streamPanel = () => new Stream();
