// @ts-check
// The one tooltip: beside the pointer, within the window. What it says can also be had from tables and links.

import { replace } from "./dom.js";

const element = /** @type {HTMLElement} */ (document.getElementById("tooltip"));

/** @param {number} x in the window @param {number} y @param {...(Node|string|null|false)} children */
export function showTip(x, y, ...children) {
  replace(element, ...children);
  element.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = element;
  const left = x + 14 + width > innerWidth ? x - 14 - width : x + 14;
  const top = y + 16 + height > innerHeight ? y - 12 - height : y + 16;
  element.style.left = `${Math.max(4, left)}px`;
  element.style.top = `${Math.max(4, top)}px`;
}

export function hideTip() {
  element.hidden = true;
}
