// @ts-check
// Draws the graph: tasks as dots that get names when there is room, groups as boxes with a bar of their states.

import { colour, prefixColour, stateColour } from "./colours.js";
import * as format from "./format.js";
import { PARTS } from "./progress.js";
import { store } from "./store.js";
import { fitted } from "./stream_draw.js";
import { FONT } from "./surface.js";

/** @typedef {import("./types.js").Graph} Graph */
/** @typedef {import("./picture_view.js").PictureView} View */
/** @typedef {{context: CanvasRenderingContext2D, width: number, height: number}} Surface */

/** A group's box, in units of the picture. */
export const BOX = { width: 148, height: 52 };
const BETWEEN_BOXES = { x: 56, y: 20 };
/** A dot's name needs so much room beside and below it. */
const LABEL_FROM_PX = { x: 46, y: 30 };
const LABEL_MAX_PX = 200;
/** Nodes of a row or a column are no further from its line, in units of the picture; a node has 24. */
const SAME = 24;
/** The spacing of what has no neighbour. */
const ALONE = 160;

/**
 * How far neighbours in a row and in a column are apart: what a dot, its name and a box may take. Columns need not be in
 * line with each other, so only nodes that would meet count.
 * @param {Graph} graph @returns {{x: number, y: number}}
 */
export function spacingOf({ nodes }) {
  const spacing = { x: Infinity, y: Infinity };
  nodes.forEach((node, i) => {
    for (let j = i + 1; j < nodes.length; j += 1) {
      const [dx, dy] = [Math.abs(nodes[j].x - node.x), Math.abs(nodes[j].y - node.y)];
      if (dy < SAME && dx >= SAME) spacing.x = Math.min(spacing.x, dx);
      if (dx < SAME && dy >= SAME) spacing.y = Math.min(spacing.y, dy);
    }
  });
  return { x: Math.min(spacing.x, ALONE), y: Math.min(spacing.y, ALONE) };
}

/** The least distance between two of the numbers, 0 if there are not two. @param {number[]} numbers */
function leastGap(numbers) {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  return sorted.slice(1).reduce((least, number, i) => Math.min(least, number - sorted[i]), sorted.length > 1 ? Infinity : 0);
}

/** Pulls a picture of groups apart, so that each has room for its box. @param {Graph} graph */
export function makeRoom(graph) {
  const gaps = { x: leastGap(graph.nodes.map(({ x }) => x)), y: leastGap(graph.nodes.map(({ y }) => y)) };
  const x = gaps.x ? (BOX.width + BETWEEN_BOXES.x) / gaps.x : 1;
  const y = gaps.y ? (BOX.height + BETWEEN_BOXES.y) / gaps.y : 1;
  const left = Math.min(...graph.nodes.map((node) => node.x));
  const top = Math.min(...graph.nodes.map((node) => node.y));
  for (const node of graph.nodes) {
    node.x = (node.x - left) * x + BOX.width / 2;
    node.y = (node.y - top) * y + BOX.height / 2;
  }
  graph.width = Math.max(BOX.width, ...graph.nodes.map((node) => node.x + BOX.width / 2));
  graph.height = Math.max(BOX.height, ...graph.nodes.map((node) => node.y + BOX.height / 2));
}

/** @typedef {{x: number, y: number}} Spacing */

/** The spacing on the screen. @param {Spacing} spacing @param {View} view */
const onScreen = (spacing, view) => ({ x: spacing.x * view.zoom * view.widen.x, y: spacing.y * view.zoom * view.widen.y });

/** The radius of a dot on the screen. @param {Spacing} spacing @param {View} view */
export function radiusOf(spacing, view) {
  const { x, y } = onScreen(spacing, view);
  return Math.max(1.6, Math.min(9, Math.min(x, y) * 0.36));
}

/** @param {Surface} surface @param {View} view @param {Graph} graph @param {Spacing} spacing @param {number} hovered number of a node, or -1 */
export function drawGraph(surface, view, graph, spacing, hovered) {
  const { context, width, height } = surface;
  context.clearRect(0, 0, width, height);
  drawEdges(context, view, graph, hovered, surface);
  if (graph.of === "groups") graph.nodes.forEach((node, i) => drawGroup(context, view, node, i === hovered));
  else drawTasks(surface, view, graph, spacing, hovered);
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {Graph} graph @param {number} hovered @param {Surface} surface */
function drawEdges(context, view, graph, hovered, surface) {
  const { nodes, edges } = graph;
  const path = (/** @type {[number, number]} */ [i, j]) => {
    if (!nodes[i] || !nodes[j]) return;
    const [x1, y1] = [view.x(nodes[j].x), view.y(nodes[j].y)];
    const [x2, y2] = [view.x(nodes[i].x), view.y(nodes[i].y)];
    if (Math.max(x1, x2) < 0 || Math.min(x1, x2) > surface.width || Math.max(y1, y2) < 0 || Math.min(y1, y2) > surface.height) return;
    context.moveTo(x1, y1);
    // What a task needs lies to its left.
    context.bezierCurveTo((x1 + x2) / 2, y1, (x1 + x2) / 2, y2, x2, y2);
  };
  context.lineWidth = 1;
  context.strokeStyle = colour("edge");
  context.globalAlpha = edges.length > 3000 ? 0.35 : 0.8;
  context.beginPath();
  for (const edge of edges) path(edge);
  context.stroke();
  context.globalAlpha = 1;
  if (hovered < 0) return;
  context.lineWidth = 1.6;
  context.strokeStyle = colour("ink");
  context.beginPath();
  for (const edge of edges) if (edge[0] === hovered || edge[1] === hovered) path(edge);
  context.stroke();
}

/** @param {Surface} surface @param {View} view @param {Graph} graph @param {Spacing} spacing @param {number} hovered */
function drawTasks({ context, width, height }, view, graph, spacing, hovered) {
  const radius = radiusOf(spacing, view);
  const room = onScreen(spacing, view);
  const labelled = room.x >= LABEL_FROM_PX.x && room.y >= LABEL_FROM_PX.y;
  const label = Math.min(LABEL_MAX_PX, room.x - 8);
  context.font = `11px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "top";
  graph.nodes.forEach((node, i) => {
    const [x, y] = [view.x(node.x), view.y(node.y)];
    if (x < -100 || y < -30 || x > width + 100 || y > height + 30) return;
    const state = node.state ?? "waiting";
    dot(context, x, y, i === hovered ? radius + 2 : radius, state);
    if (labelled) {
      context.fillStyle = colour("muted");
      context.fillText(fitted(context, format.oneLine(node.label ?? node.prefix, 40), label), x, y + radius + 3);
    }
  });
}

/** State as colour, and erred and waiting as shapes, too. @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius @param {string} state */
function dot(context, x, y, radius, state) {
  context.beginPath();
  if (state === "erred") {
    const r = radius * 1.15;
    context.moveTo(x, y - r);
    context.lineTo(x + r, y);
    context.lineTo(x, y + r);
    context.lineTo(x - r, y);
    context.closePath();
  } else context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = stateColour(state);
  context.fill();
  // An outline would take the colour from a small dot.
  if (radius <= 3) return;
  context.lineWidth = 1.5;
  context.strokeStyle = colour(state === "processing" ? "ink" : "panel");
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {import("./types.js").GraphNode} node @param {boolean} hovered */
function drawGroup(context, view, node, hovered) {
  const row = store.prefixes.get(node.prefix);
  const [x, y] = [-BOX.width / 2, -BOX.height / 2];
  context.save();
  context.translate(view.x(node.x), view.y(node.y));
  context.scale(view.zoom, view.zoom);
  context.beginPath();
  context.roundRect(x, y, BOX.width, BOX.height, 6);
  context.fillStyle = colour("panel");
  context.fill();
  context.lineWidth = hovered ? 2 : 1;
  context.strokeStyle = colour(hovered ? "ink" : "edge");
  context.stroke();
  context.fillStyle = prefixColour(node.prefix);
  context.fillRect(x + 9, y + 10, 9, 9);
  context.font = `600 12px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillStyle = colour("ink");
  context.fillText(fitted(context, format.oneLine(node.prefix, 40), BOX.width - 34), x + 24, y + 15);
  const total = Math.max(1, row?.total ?? 1);
  let left = x + 9;
  const whole = BOX.width - 18;
  context.fillStyle = colour("lane");
  context.fillRect(left, y + 26, whole, 6);
  for (const part of PARTS) {
    const share = row ? part.of(row) / total : 0;
    if (!share) continue;
    context.fillStyle = stateColour(part.state);
    const wide = Math.min(Math.max(1.5, share * whole), x + 9 + whole - left);
    context.fillRect(left, y + 26, wide, 6);
    left += wide;
  }
  context.font = `11px ${FONT}`;
  context.fillStyle = colour("muted");
  const words = row ? `${format.brief(row.memory + row.released)} / ${format.brief(row.total)}${row.erred ? `, ${format.brief(row.erred)} erred` : row.processing ? `, ${format.brief(row.processing)} now` : " done"}` : "";
  context.fillText(fitted(context, words, whole), x + 9, y + 42);
  context.restore();
}
