// @ts-check
// Elements. Texts of users become text nodes and never markup: nothing on this page is made from a string of HTML.

import * as format from "./format.js";

/**
 * An element: `h("a", {href, class: "x", onclick}, "text", child, null)`.
 * @param {string} tag
 * @param {Record<string, any>} [properties] attributes; those that begin with "on" are listeners
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** @param {Element} element @param {(Node|string|number|null|undefined|false)[]} children */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** @param {Element} element @param {...(Node|string|number|null|undefined|false)} children */
export function replace(element, ...children) {
  element.textContent = "";
  append(element, children);
}

/** Writes only what has changed, so that nothing is laid out anew and selections stay. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element @param {string} name of a CSS property @param {string} value */
export function setStyle(element, name, value) {
  if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
}

/** @param {Element} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Makes the children of `parent` those of `items`, in their order: an element is made once for each key and then kept. What
 * stays is moved only if its order changes: moving ends a selection.
 * @template T
 * @param {Element} parent
 * @param {Map<any, any>} made elements by key; belongs to the caller
 * @param {T[]} items
 * @param {(item: T) => any} keyOf
 * @param {(item: T) => any} make gives an object with `element`
 * @param {(row: any, item: T) => void} update
 */
export function keyed(parent, made, items, keyOf, make, update) {
  const focused = /** @type {HTMLElement|null} */ (parent.contains(document.activeElement) ? document.activeElement : null);
  const keys = items.map(keyOf);
  const wanted = new Set(keys);
  // First, so that what comes after is in its place already.
  for (const [key, row] of made) {
    if (wanted.has(key)) continue;
    row.element.remove();
    made.delete(key);
  }
  let at = parent.firstElementChild;
  items.forEach((item, i) => {
    const key = keys[i];
    let row = made.get(key);
    if (!row) {
      row = make(item);
      made.set(key, row);
    }
    update(row, item);
    if (row.element === at) at = at?.nextElementSibling ?? null;
    else parent.insertBefore(row.element, at);
  });
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

/** A panel with a heading. @param {string} title @param {string} name for its class @param {...(Node|string)} tools beside the heading */
export function panel(title, name, ...tools) {
  const body = h("div", { class: "panel-body" });
  const heading = h("h2", {}, title);
  const element = h("section", { class: `panel ${name}`, "aria-label": title }, h("div", { class: "panel-head" }, heading, ...tools), body);
  return { element, body, heading };
}

/** @param {string} key */
export const taskPath = (key) => `task?key=${encodeURIComponent(key)}`;
/** The tasks of this prefix, those in this state if one is named. @param {string} prefix @param {string} [state] */
export const tasksPath = (prefix, state) => `tasks?${new URLSearchParams(state ? { prefix, state } : { prefix })}`;
/** @param {string} name */
export const workerPath = (name) => `worker?name=${encodeURIComponent(name)}`;

/** A key of which nothing would be seen is quoted. @param {string} key */
export const shownKey = (key) => (key.trim() === "" ? `“${key}”` : key);

/** A link to a task's page, cut by the browser where it is too long. @param {string} key */
export const taskLink = (key) => h("a", { class: "key", href: taskPath(key), title: key.length > 40 ? key : null }, shownKey(key));
/** @param {string|null} name */
export const workerLink = (name) => (name === null ? "–" : h("a", { class: "name", href: workerPath(name) }, name));

/** So much of a worker's name a cell of a table has room for. */
const NAME_MAX = 26;
/** The same in a table: names of machines are long and differ at their ends, so the middle is left out. @param {string|null} name */
export function workerCellLink(name) {
  const short = format.oneLine(name ?? "", NAME_MAX);
  if (name === null || short === name) return workerLink(name);
  return h("a", { class: "name", href: workerPath(name), title: name, "aria-label": name }, short);
}

/** Of an execution that nobody waits for any more: it has begun, so it is not stopped. */
export const GIVEN_UP = "cancelled or released meanwhile";
