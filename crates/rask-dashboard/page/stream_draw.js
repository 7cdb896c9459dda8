// @ts-check
// Draws the task stream: what is in view only, and executions narrower than a pixel column by column, so that the work is
// bounded by the number of pixels and not by that of tasks.

import { colour, prefixColour } from "./colours.js";
import * as format from "./format.js";
import { barEnd, firstEndingAfter, transferEnd } from "./lanes.js";
import { store } from "./store.js";
import { AXIS_PX, NAME_FONT } from "./stream_rows.js";
import { FONT } from "./surface.js";

/** From this width on a bar is drawn as one, with its ends. */
const WHOLE_PX = 1.5;

/** @typedef {import("./stream_rows.js").Group} Group */
/** @typedef {{context: CanvasRenderingContext2D, width: number, height: number}} Surface */
/** @typedef {{start: number, end: number, span: number, gutter: number}} View */

/** @param {Surface} surface @param {View} view @param {Group[]} groups @param {number} scrolled @param {any} hovered a bar or transfer */
export function drawStream(surface, view, groups, scrolled, hovered) {
  const { context, width, height } = surface;
  const plotHeight = height - AXIS_PX;
  context.clearRect(0, 0, width, height);
  const scale = (width - view.gutter) / view.span;
  const x = (/** @type {number} */ at) => view.gutter + (at - view.start) * scale;
  drawAxis(surface, view, x);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, plotHeight);
  context.clip();
  context.translate(0, -scrolled);
  const seen = groups.filter((group) => group.y + group.height > scrolled && group.y < scrolled + plotHeight);
  drawNames(context, seen, view.gutter);
  context.beginPath();
  context.rect(view.gutter, scrolled, width - view.gutter, plotHeight);
  context.clip();
  const ground = colour("lane");
  const marks = hatch(context);
  const transferColour = colour("transfer");
  const unknown = store.lanes.knownFrom > view.start;
  for (const group of seen) {
    context.fillStyle = ground;
    for (const row of group.threads) context.fillRect(view.gutter, row.y, width - view.gutter, row.height);
    if (unknown) for (const row of group.threads) drawUnknown(context, row, view.gutter, x(store.lanes.knownFrom));
    for (const row of group.threads) drawLane(context, row, view, x, marks);
    if (group.transfers) drawTransfers(context, store.lanes.transfers.get(group.id) ?? [], group.transfers, view, x, transferColour);
  }
  if (hovered) drawHovered(context, hovered, x);
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {Group[]} groups @param {number} gutter */
function drawNames(context, groups, gutter) {
  context.font = NAME_FONT;
  context.textBaseline = "middle";
  context.textAlign = "left";
  let free = -Infinity;
  for (const group of groups) {
    const middle = group.y + (group.height - (group.transfers ? group.transfers.height : 0)) / 2;
    if (middle - 6 < free) continue;
    free = middle + 6;
    context.fillStyle = colour(group.gone ? "faint" : "muted");
    context.fillText(fitted(context, format.oneLine(group.name, 40), gutter - 14), 8, middle);
  }
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} width */
export function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const letters = Array.from(text);
  // Names differ at their ends: tcp://10.0.0.17:40123.
  let keep = Math.max(2, Math.floor((letters.length * width) / context.measureText(text).width) - 1);
  let cut = text;
  for (; keep > 1; keep -= 1) {
    const head = Math.ceil(keep / 2);
    cut = `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (keep - head)).join("")}`;
    if (context.measureText(cut).width <= width) break;
  }
  return cut;
}

/** @param {CanvasRenderingContext2D} context @param {import("./stream_rows.js").ThreadRow} row @param {View} view @param {(at: number) => number} x @param {CanvasPattern|string} marks */
function drawLane(context, row, view, x, marks) {
  const { bars, y, height } = row;
  /** @type {[number, number][]} what is drawn on top: erred bars, from and to */
  const erred = [];
  /** @type {[number, number][]} likewise, those that were lost */
  const lost = [];
  // The pixel column in which narrow bars gather, the share of it that is busy, and the colour of the longest.
  let column = -1;
  let busy = 0;
  let longest = 0;
  let prefix = "";
  const flush = () => {
    if (column >= 0) {
      context.globalAlpha = Math.min(1, 0.3 + 0.7 * busy);
      context.fillStyle = prefixColour(prefix);
      context.fillRect(column, y, 1, height);
      context.globalAlpha = 1;
    }
    column = -1;
    busy = longest = 0;
  };
  for (let i = firstEndingAfter(bars, barEnd, view.start); i < bars.length; i += 1) {
    const bar = bars[i];
    if (bar[3] > view.end) break;
    const from = x(bar[3]);
    const to = x(bar[3] + bar[4]);
    const share = bar[4] > 0 ? Math.min(1, bar[5] / bar[4]) : 1;
    if (bar[7]) erred.push([from, to]);
    if (bar[9]) lost.push([from, to]);
    if (to - from >= WHOLE_PX) {
      flush();
      drawWhole(context, bar, from, to, y, height, share);
      continue;
    }
    if (Math.floor(from) !== column) flush();
    column = Math.floor(from);
    const used = (to - from) * share;
    busy += used;
    if (used >= longest) {
      longest = used;
      prefix = bar[2];
    }
  }
  flush();
  if (row.underway && row.underway.from <= view.end) drawUnderway(context, row, row.underway, x);
  context.fillStyle = marks;
  for (const [from, to] of erred) context.fillRect(from, y, Math.max(2, to - from - gapOf(to - from)), height);
  for (const [from, to] of lost) drawTorn(context, from, Math.max(from + TORN_MIN_PX, to - gapOf(to - from)), y, height);
}

/** Neighbours are told apart by a line of ground between them, where there is room for one. @param {number} width */
const gapOf = (width) => (width > 4 ? 1 : width > 2.5 ? 0.5 : 0);

/**
 * Of a bar that stands for many executions, the pale part is the time from first to last, the full part the busy share of it.
 * @param {CanvasRenderingContext2D} context @param {import("./types.js").Bar} bar
 * @param {number} from @param {number} to @param {number} y @param {number} height @param {number} share
 */
function drawWhole(context, bar, from, to, y, height, share) {
  const width = to - from - gapOf(to - from);
  context.fillStyle = prefixColour(bar[2]);
  if (bar[9]) {
    drawPale(context, from, from + width, y, height);
    return;
  }
  if (bar[6] <= 1 || share > 0.98) {
    context.fillRect(from, y, width, height);
    return;
  }
  context.globalAlpha = 0.38;
  context.fillRect(from, y, width, height);
  context.globalAlpha = 1;
  const full = Math.max(1, height * share);
  context.fillRect(from, y + height - full, width, full);
}

/**
 * What still executes.
 * @param {CanvasRenderingContext2D} context @param {{y: number, height: number}} row
 * @param {import("./stream_rows.js").Underway} underway @param {(at: number) => number} x
 */
function drawUnderway(context, { y, height }, underway, x) {
  const from = x(underway.from);
  const to = Math.max(from + 2, x(underway.to));
  context.fillStyle = underway.givenUp ? colour("faint") : prefixColour(underway.prefix);
  drawPale(context, from, to, y, height);
}

/**
 * What has come to no end: pale and framed, open to the right.
 * @param {CanvasRenderingContext2D} context @param {number} from @param {number} to @param {number} y @param {number} height
 */
function drawPale(context, from, to, y, height) {
  context.globalAlpha = 0.38;
  context.fillRect(from, y, to - from, height);
  context.globalAlpha = 1;
  const line = height >= 8 ? 2 : 1;
  context.fillRect(from, y, line, height);
  context.fillRect(from, y, to - from, line);
  context.fillRect(from, y + height - line, to - from, line);
}

const TORN_MIN_PX = 2;
const TOOTH_PX = 5;

/**
 * The right edge of what was lost with its worker; where there is no room for teeth, a line.
 * @param {CanvasRenderingContext2D} context @param {number} from @param {number} to @param {number} y @param {number} height
 */
function drawTorn(context, from, to, y, height) {
  if (to - from < 2 * TOOTH_PX || height < TOOTH_PX) {
    context.fillStyle = colour("ink");
    context.fillRect(to - TORN_MIN_PX, y, TORN_MIN_PX, height);
    return;
  }
  const steps = 2 * Math.max(1, Math.round(height / TOOTH_PX / 2));
  const edge = new Path2D();
  edge.moveTo(to, y);
  for (let i = 1; i <= steps; i += 1) edge.lineTo(i % 2 ? to - TOOTH_PX : to, y + (i * height) / steps);
  context.fillStyle = colour("lane");
  context.fill(edge);
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.5;
  context.stroke(edge);
}

/** @param {CanvasRenderingContext2D} context @param {import("./types.js").Transfer[]} transfers @param {{y: number, height: number}} row @param {View} view @param {(at: number) => number} x @param {string} fill */
function drawTransfers(context, transfers, row, view, x, fill) {
  context.fillStyle = fill;
  let last = -Infinity;
  for (let i = firstEndingAfter(transfers, transferEnd, view.start); i < transfers.length; i += 1) {
    const transfer = transfers[i];
    // Sorted by their ends: one that began later may follow, but none that ends sooner than the longest lasts.
    if (transferEnd(transfer) - store.lanes.transferMax > view.end) break;
    const from = x(transfer[2]);
    const to = Math.max(from + 1, x(transferEnd(transfer)));
    if (to <= last) continue;
    context.fillRect(Math.max(from, last), row.y, to - Math.max(from, last), row.height);
    last = to;
  }
}

/** @param {CanvasRenderingContext2D} context @param {{row: {y: number, height: number}, from: number, to: number}} hovered @param {(at: number) => number} x */
function drawHovered(context, { row, from, to }, x) {
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.25;
  context.strokeRect(x(from) - 0.5, row.y - 0.5, Math.max(2, x(to) - x(from)) + 1, row.height + 1);
}

/**
 * Where bars are missing that there were: striped, so that it does not look idle.
 * @param {CanvasRenderingContext2D} context @param {{y: number, height: number}} row @param {number} from @param {number} to
 */
function drawUnknown(context, { y, height }, from, to) {
  context.fillStyle = striped(context, colour("line"), 1.2, "");
  context.fillRect(from, y, to - from, height);
}

/** Black and red stripes: told apart also without colour. @param {CanvasRenderingContext2D} context */
const hatch = (context) => striped(context, colour("state-erred"), 2.6, "#1a0d0b");

const TILE_PX = 6;
/** @type {Map<string, CanvasPattern|null>} */
const patterns = new Map();

/** @param {CanvasRenderingContext2D} context @param {string} stripe its colour @param {number} width @param {string} ground another, or none */
function striped(context, stripe, width, ground) {
  const name = `${stripe} ${width} ${ground}`;
  let pattern = patterns.get(name);
  if (pattern === undefined) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = TILE_PX;
    const pen = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
    if (ground) {
      pen.fillStyle = ground;
      pen.fillRect(0, 0, TILE_PX, TILE_PX);
    }
    pen.strokeStyle = stripe;
    pen.lineWidth = width;
    for (const shift of [-TILE_PX, 0, TILE_PX]) {
      pen.beginPath();
      pen.moveTo(shift - 1, TILE_PX + 1);
      pen.lineTo(shift + TILE_PX + 1, -1);
      pen.stroke();
    }
    pattern = context.createPattern(tile, "repeat");
    patterns.set(name, pattern);
  }
  return pattern ?? stripe;
}

/** Distances between marks on the axis of time. */
const STEPS_S = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];

/** @param {Surface} surface @param {View} view @param {(at: number) => number} x */
function drawAxis({ context, width, height }, view, x) {
  const wanted = (view.span * 84) / Math.max(1, width - view.gutter);
  const step = STEPS_S.find((one) => one >= wanted) ?? 600;
  const bottom = height - AXIS_PX;
  context.font = `10.5px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillStyle = colour("muted");
  context.strokeStyle = colour("line");
  context.lineWidth = 1;
  for (let n = Math.ceil(view.start / step); n * step <= view.end; n += 1) {
    const at = n * step;
    const px = Math.round(x(at)) + 0.5;
    context.beginPath();
    context.moveTo(px, 0);
    context.lineTo(px, bottom + 3);
    context.stroke();
    if (px > view.gutter + 24 && px < width - 26) context.fillText(tickText(at, step), px, bottom + 5);
  }
}

/** @param {number} at @param {number} step */
function tickText(at, step) {
  if (step >= 1) return format.clock(at);
  if (step >= 1e-3) return format.clock(at, step >= 0.1 ? 1 : 3).slice(3);
  const within = (at % 1) * 1e3;
  return `.${(within / 1e3).toFixed(5).slice(2)}`;
}
