// @ts-check
// Where the dashboard lies. A proxy may show it below a path, /user/alice/proxy/8787/ say, of which the server does not know.
// All pages lie directly below that root, so that relative addresses, "tasks?search=inc" say, are right on each of them.

/** This file is assets/root.js below it. */
const ROOT = new URL("..", import.meta.url);

/** @param {string} path below the root @returns {string} */
export const addressOf = (path) => new URL(path, ROOT).href;

/** The same for a WebSocket. @param {string} path below the root */
export const socketAddress = (path) => addressOf(path).replace(/^http/, "ws");

/** What a path names below the root; null if it lies elsewhere. @param {string} path as in `location.pathname` */
export const pageAt = (path) => (path.startsWith(ROOT.pathname) ? path.slice(ROOT.pathname.length) : null);
