// @ts-check
// Colours: those of states, the same everywhere, and one for each task prefix. Canvases ask here, since they know no CSS.

/** The order in which a task goes through them; also the order of legends and stacked bars. */
export const STATES = ["memory", "released", "erred", "given-up", "processing", "queued", "waiting", "no-worker", "forgotten"];

/**
 * Twelve hues that keep apart for colour-blind eyes by lightness as well; red is left to errors and violet to transfers.
 * [in light surroundings, in dark ones]
 */
const PALETTE = [
  ["#4e86c6", "#6ea3df"], // blue
  ["#e3a13a", "#e9b356"], // amber
  ["#3f9c85", "#55b39b"], // teal
  ["#a2b552", "#b4c766"], // pear
  ["#7fb8dc", "#8cc9ec"], // sky
  ["#b37f4e", "#c79563"], // bronze
  ["#5f6fae", "#8391cf"], // indigo
  ["#e8c76a", "#f0d683"], // sand
  ["#4f7d4a", "#74a56c"], // moss
  ["#c4a3bd", "#d3b4cc"], // mauve
  ["#84cdb8", "#93dcc7"], // mint
  ["#8b8f99", "#a6abb5"], // slate
];

/** @type {Map<string, number>} */
const slots = new Map();
const REMEMBERED = "rask-prefixes";
const REMEMBERED_MAX = 300;
/** Prefixes whose colours this page knows; one that was seen before so many others may get another. */
const SLOTS_MAX = 1000;

/** What prefixes had before in this browser, so that a reload or a second tab shows them as they were. @type {Record<string, number>} */
let remembered = recall();

function recall() {
  try {
    const found = JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
    return Object.keys(found).length > REMEMBERED_MAX ? {} : found;
  } catch {
    return {};
  }
}

/** @param {string} prefix @param {number} slot */
function remember(prefix, slot) {
  remembered = { ...recall(), [prefix]: slot };
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(remembered));
  } catch {
    // Then it holds for this page.
  }
}

/** FNV-1a: the same prefix wants the same colour in every browser and on every day. @param {string} text */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/** @param {string} prefix */
function slotOf(prefix) {
  let slot = slots.get(prefix);
  if (slot === undefined) {
    const before = Object.hasOwn(remembered, prefix) ? remembered[prefix] : -1;
    slot = Number.isInteger(before) && before >= 0 && before < PALETTE.length ? before : hash(prefix) % PALETTE.length;
    // Of two prefixes that want the same colour the later one takes the next that is free, while there are some.
    const taken = new Set(slots.values());
    for (let i = 0; i < PALETTE.length && taken.has(slot); i += 1) slot = (slot + 5) % PALETTE.length;
    if (slots.size >= SLOTS_MAX) slots.delete(slots.keys().next().value ?? "");
    slots.set(prefix, slot);
    if (slot !== before) remember(prefix, slot);
  }
  return slot;
}

/** @param {string} prefix */
export const prefixColour = (prefix) => PALETTE[slotOf(prefix)][isDark() ? 1 : 0];

/** @type {Map<string, string>} */
const resolved = new Map();
/** @type {boolean|null} */
let dark = null;

const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

export function isDark() {
  dark ??= root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  return dark;
}

/** The value of a colour of style.css, e.g. `colour("line")`, as canvases need it. @param {string} name */
export function colour(name) {
  let value = resolved.get(name);
  if (value === undefined) {
    // A custom property is not computed until it is used: so use it.
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    root.append(probe);
    value = getComputedStyle(probe).color;
    probe.remove();
    resolved.set(name, value);
  }
  return value;
}

/** @param {string} state */
export const stateColour = (state) => colour(`state-${STATES.includes(state) ? state : "waiting"}`);

/** @type {Set<() => void>} */
const listeners = new Set();

/** Calls back when the colours have changed; gives what ends that. @param {() => void} listener */
export function onColours(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed() {
  dark = null;
  resolved.clear();
  for (const listener of listeners) listener();
}
system.addEventListener("change", changed);

/** Changes between light and dark, for this browser. */
export function toggleTheme() {
  const next = isDark() ? "light" : "dark";
  root.dataset.theme = next;
  try {
    localStorage.setItem("rask-theme", next);
  } catch {
    // It then holds until the page is loaded again.
  }
  changed();
}
