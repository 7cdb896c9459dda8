// @ts-check
// How one measure is distributed over all workers: a small row of columns.

import { h, setAttribute, setStyle } from "./dom.js";

const BINS = 16;

/** @param {(value: number) => string} say */
export function histogram(say) {
  const columns = Array.from({ length: BINS }, () => h("i"));
  const element = h("span", { class: "histogram", role: "img" }, ...columns);
  return {
    element,
    /** @param {number[]} values none below zero */
    draw(values) {
      const top = Math.max(1e-9, ...values);
      const counts = new Array(BINS).fill(0);
      for (const value of values) counts[Math.min(BINS - 1, Math.floor((value / top) * BINS))] += 1;
      const most = Math.max(...counts);
      columns.forEach((column, i) => setStyle(column, "height", counts[i] ? `${Math.max(8, (counts[i] / most) * 100).toFixed(0)}%` : "0"));
      const sorted = values.slice().sort((a, b) => a - b);
      const words = `least ${say(sorted[0])}, median ${say(sorted[sorted.length >> 1])}, most ${say(top)}`;
      setAttribute(element, "aria-label", words);
      setAttribute(element, "title", words);
    },
  };
}
