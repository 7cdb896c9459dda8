// @ts-check
// The Status page: what the cluster does now. The one that people leave open.

import { h } from "./dom.js";
import { loadsPanel } from "./loads.js";
import { progressPanel } from "./progress.js";
import { loadChart, rateChart } from "./series.js";
import { streamPanel } from "./stream.js";

/** @param {HTMLElement} root @returns {import("./types.js").Mounted} */
export function statusPage(root) {
  root.append(h("h1", { class: "unseen" }, "Status"));
  const parts = [loadsPanel(), rateChart(), loadChart(), streamPanel(), progressPanel()];
  const left = h("div", { class: "status-left" }, ...parts.slice(0, 3).map((part) => part.element));
  const right = h("div", { class: "status-right" }, ...parts.slice(3).map((part) => part.element));
  root.append(left, right);
  return { title: "Status", leave: () => parts.forEach((part) => part.leave()) };
}
