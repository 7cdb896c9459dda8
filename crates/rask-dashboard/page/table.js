// @ts-check
// A table that is sorted by its headings, with pointer or keyboard, and updated in place.

import { h, keyed, setText } from "./dom.js";
import { collator } from "./store.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} id
 * @property {string} title
 * @property {string} [hint]
 * @property {boolean} [number] aligned right, and sorted from the largest first
 * @property {(row: T) => string|number|null} by what it is sorted by
 * @property {(row: T) => string} [text] what it says
 * @property {(row: T) => {element: Node, update?: (row: T) => void}} [make] instead of a text
 */

/**
 * @template T
 * @param {string} caption @param {Column<T>[]} columns @param {(row: T) => any} keyOf
 * @param {() => void} changed the order was
 */
export function sortedTable(caption, columns, keyOf, changed) {
  let sorted = columns[0].id;
  let down = false;
  const heads = columns.map((column) => {
    const button = h("button", { type: "button", class: "quiet", title: column.hint ?? null, onclick: () => sortBy(column) }, column.title);
    return h("th", { scope: "col", class: column.number ? "number" : null, "aria-sort": "none" }, button);
  });
  const body = h("tbody");
  const element = h("table", { class: "sorted" }, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, ...heads)), body);
  /** @type {Map<any, any>} */
  const made = new Map();
  const mark = () => columns.forEach((column, i) => heads[i].setAttribute("aria-sort", column.id !== sorted ? "none" : down ? "descending" : "ascending"));

  /** @param {Column<T>} column */
  function sortBy(column) {
    down = column.id === sorted ? !down : Boolean(column.number);
    sorted = column.id;
    mark();
    changed();
  }

  /** @param {T} row */
  function make(row) {
    const cells = columns.map((column) => {
      const cell = h("td", { class: column.number ? "number" : null, "data-column": column.id });
      const content = column.make?.(row);
      if (content) cell.append(content.element);
      return { cell, update: content?.update };
    });
    return { element: h("tr", {}, ...cells.map((cell) => cell.cell)), cells };
  }

  /** @param {any} made @param {T} row */
  function update(made, row) {
    columns.forEach((column, i) => {
      const { cell, update } = made.cells[i];
      if (column.text) setText(cell, column.text(row));
      else update?.(row);
    });
  }

  mark();
  return {
    element,
    /** @param {T[]} rows */
    draw(rows) {
      const column = columns.find(({ id }) => id === sorted) ?? columns[0];
      const ordered = rows.slice().sort((a, b) => compare(column.by(a), column.by(b)) * (down ? -1 : 1));
      keyed(body, made, ordered, keyOf, make, update);
    },
  };
}

/** What is not known comes first. @param {string|number|null} a @param {string|number|null} b */
function compare(a, b) {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
}
