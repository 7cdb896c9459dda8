// @ts-check
// Time series of the last minutes, drawn by uPlot; all charts of a page share the cursor.

import { colour, onColours } from "./colours.js";
import { h, panel, setText } from "./dom.js";
import * as format from "./format.js";
import { throttled } from "./frame.js";
import { HISTORY_S } from "./history.js";
import { store } from "./store.js";
import { FONT } from "./surface.js";

/** @type {any} uPlot has no module that is small; its script puts it here. */
const Plot = /** @type {any} */ (globalThis).uPlot;

/** Time series are drawn so often, at most. */
const DRAW_MS = 500;
/** A history that has just begun is shown as if it were so long. */
const SHORT_S = 60;
/** Marks at round numbers of binary units. */
const BINARY = Array.from({ length: 50 }, (_, i) => 2 ** i);

/**
 * @typedef {object} Line
 * @property {string} title
 * @property {string} colour of style.css
 * @property {boolean} [filled]
 */

/**
 * A panel with one chart.
 * @param {object} what
 * @param {string} what.title
 * @param {string} what.name for its class
 * @param {Line[]} what.lines
 * @param {() => (number|null)[][]} what.columns times, then the values of each line
 * @param {(value: number|null) => string} what.say
 * @param {number} [what.least] the scale reaches at least so far
 * @param {boolean} [what.binary] its values are bytes
 * @param {string} [what.hint]
 */
export function chartPanel({ title, name, lines, columns, say, least = 1, binary = false, hint }) {
  const values = lines.map((line) => h("b", { class: "tabular" }));
  const legend = h("p", { class: "chart-legend" }, ...lines.map((line, i) => h("span", {}, swatch(line), lines.length > 1 ? `${line.title} ` : "", values[i])));
  const { element, body, heading } = panel(title, `chart ${name}`, legend);
  if (hint) heading.title = hint;
  /** @type {any} */
  let plot = null;
  const data = () => /** @type {any} */ (columns());
  const tell = (/** @type {number|null|undefined} */ index) => {
    const known = columns();
    const at = index ?? known[0].length - 1;
    values.forEach((value, i) => setText(value, say(known[i + 1][at] ?? null)));
  };
  const draw = throttled(() => {
    if (!plot) return;
    const end = Math.max(store.at, 1);
    plot.batch(() => {
      plot.setData(data(), false);
      const first = plot.data[0][0] ?? end;
      plot.setScale("x", { min: Math.max(end - HISTORY_S, Math.min(first, end - SHORT_S)), max: end });
    });
    tell(plot.cursor.idx);
  }, DRAW_MS);
  const build = () => {
    plot?.destroy();
    plot = new Plot(options({ lines, say, least, binary }, body.clientWidth, body.clientHeight, tell), data(), body);
    draw.now();
  };
  const observer = new ResizeObserver(() => {
    if (!plot) build();
    else plot.setSize({ width: body.clientWidth, height: body.clientHeight });
  });
  observer.observe(body);
  const ends = [store.listen(draw.wish), onColours(build)];
  const leave = () => {
    observer.disconnect();
    draw.end();
    for (const end of ends) end();
    plot?.destroy();
    plot = null;
  };
  return { element, leave };
}

/** @param {Line} line */
function swatch(line) {
  const element = h("i", { class: "swatch" });
  element.style.background = `var(--${line.colour})`;
  return element;
}

/**
 * Times below the axis; none in the corner, where it would meet the lowest value.
 * @param {any} plot @param {number[]} ticks
 */
function timeMarks(plot, ticks) {
  const letters = ticks.length > 1 && ticks[1] - ticks[0] < 60 ? 8 : 5;
  return ticks.map((at) => (plot.valToPos(at, "x") < 4 * letters ? "" : format.clock(at).slice(0, letters)));
}

/**
 * @param {{lines: Line[], say: (value: number|null) => string, least: number, binary: boolean}} what
 * @param {number} width @param {number} height @param {(index: number|null|undefined) => void} tell
 */
function options({ lines, say, least, binary }, width, height, tell) {
  const axis = {
    stroke: colour("muted"),
    font: `10.5px ${FONT}`,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: Math.max(60, width),
    height: Math.max(40, height),
    legend: { show: false },
    padding: [6, 26, 0, 0],
    cursor: {
      sync: { key: "time" },
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
    },
    scales: {
      x: { time: true, auto: false },
      y: { range: (/** @type {any} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(least, (high || 0) * 1.08)] },
    },
    axes: [
      { ...axis, size: 20, gap: 2, space: 70, values: timeMarks, incrs: [15, 30, 60, 120, 300] },
      { ...axis, size: binary ? 58 : 46, gap: 4, space: 26, ...(binary ? { incrs: BINARY } : {}), values: (/** @type {any} */ _plot, /** @type {number[]} */ ticks) => ticks.map((value) => say(value)) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.title,
        stroke: colour(line.colour),
        width: 1.4,
        fill: line.filled ? colour(`${line.colour}-pale`) : undefined,
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [(/** @type {any} */ plot) => tell(plot.cursor.idx)] },
  };
}
