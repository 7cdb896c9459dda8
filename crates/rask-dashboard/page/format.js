// @ts-check
// Numbers, sizes and times as people read them. What is not known is an en dash.

export const UNKNOWN = "–";
const THIN = "\u202f";

/** @param {number|null|undefined} value @returns {value is number} */
const known = (value) => typeof value === "number" && Number.isFinite(value);

/** 12 345, with thin spaces. @param {number|null|undefined} value */
export function count(value) {
  if (!known(value)) return UNKNOWN;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** 950, 12.3 k, 4.56 M: for places where digits would dance. @param {number|null|undefined} value */
export function short(value) {
  if (!known(value)) return UNKNOWN;
  if (Math.abs(value) < 1000) return value !== 0 && Math.abs(value) < 10 ? String(Number(value.toFixed(1))) : String(Math.round(value));
  const [unit, size] = value >= 1e9 ? ["G", 1e9] : value >= 1e6 ? ["M", 1e6] : ["k", 1e3];
  return `${digits(value / size)}${THIN}${unit}`;
}

/** 950, 1k, 12.3k: what stands still, in as few letters as say it. @param {number|null|undefined} value */
export const brief = (value) => short(value).replace(/\.(\d*?)0+(?=\u202f)/, (_, kept) => (kept ? `.${kept}` : "")).replace(THIN, "");

/** Three digits. @param {number} value */
function digits(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Binary units, as everywhere in rask. @param {number|null|undefined} value */
export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(size)} B` : `${digits(size)} ${units[unit]}`;
}

/** @param {number|null|undefined} value */
export const bytesPerSecond = (value) => (known(value) ? (value < 1 ? "0" : `${bytes(value)}/s`) : UNKNOWN);

/** @param {number|null|undefined} value a percentage */
export const percent = (value) => (known(value) ? `${value < 10 && value > 0 ? value.toFixed(1) : value.toFixed(0)} %` : UNKNOWN);

/** 12 µs, 3.4 ms, 1.25 s, 3 min 05 s, 2 h 10 min. @param {number|null|undefined} seconds @returns {string} */
export function duration(seconds) {
  if (!known(seconds)) return UNKNOWN;
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds === 0) return "0 s";
  if (seconds < 0.9995e-3) return `${digits(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (seconds < 59.95) return `${digits(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** 14:03:07, in the reader's zone; with `fraction`, 14:03:07.123. @param {number|null|undefined} at @param {number} [fraction] digits */
export function clock(at, fraction = 0) {
  if (!known(at)) return UNKNOWN;
  const date = new Date(at * 1000);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return fraction ? `${text}.${String(date.getMilliseconds()).padStart(3, "0").slice(0, fraction)}` : text;
}

/** The whole of a time, for titles. @param {number|null|undefined} at */
export function moment(at) {
  return known(at) ? `${new Date(at * 1000).toLocaleDateString()} ${clock(at, 3)}` : UNKNOWN;
}

/** just now, 12 s ago, 3 min ago. @param {number|null|undefined} at @param {number} now */
export function ago(at, now) {
  if (!known(at)) return UNKNOWN;
  const seconds = now - at;
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/**
 * A text of a user's on one line of a picture: control characters made visible, the middle left out where it is too long.
 * The end is kept since keys differ there.
 * @param {string} text @param {number} max characters
 */
export function oneLine(text, max = 60) {
  const flat = text.replace(/[\r\n]+/g, "⏎").replace(/[\u0000-\u001f\u007f\u2028-\u202e\u2066-\u2069]/g, "·");
  const letters = Array.from(flat);
  if (letters.length <= max) return flat;
  const tail = Math.floor((max - 1) / 3);
  return `${letters.slice(0, max - 1 - tail).join("")}…${letters.slice(letters.length - tail).join("")}`;
}

/** one task, 3 tasks. @param {number} n @param {string} word */
export const plural = (n, word) => (n === 1 ? `1 ${word}` : `${count(n)} ${word}s`);
