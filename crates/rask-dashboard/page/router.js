// @ts-check
// Addresses and pages: links within the page change it without loading, and remain real links for everything else.

import { pageAt } from "./root.js";

/** @typedef {import("./types.js").Mounted} Mounted */
/**
 * @typedef {object} Route
 * @property {string} tab which tab is marked
 * @property {string[]} pages where it is shown, below the root
 * @property {string} [of] the query's parameter that says what the page is about
 * @property {(root: HTMLElement, name: string) => Mounted} mount
 * @property {boolean} [asks] for all that it shows, and again: it does not live on pulses
 */

class Router {
  constructor() {
    /** @type {Route[]} */
    this.routes = [];
    /** @type {HTMLElement} */
    this.root = document.body;
    /** @type {Mounted|null} */
    this.mounted = null;
    /** @type {(tab: string) => void} */
    this.onTab = () => {};
    /** Where the cluster is, once that is known. */
    this.cluster = "";
  }

  /** @param {HTMLElement} root @param {Route[]} routes @param {(tab: string) => void} onTab */
  start(root, routes, onTab) {
    this.root = root;
    this.routes = routes;
    this.onTab = onTab;
    document.addEventListener("click", (event) => this.clicked(event));
    window.addEventListener("popstate", () => this.show());
    this.show();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {Element} */ (event.target).closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.origin !== location.origin) return;
    if (link.getAttribute("href")?.startsWith("#") || !this.find(link.pathname)) return;
    event.preventDefault();
    this.go(link.href);
  }

  /** @param {string} address may be relative */
  go(address) {
    const { href } = new URL(address, location.href);
    if (href !== location.href) history.pushState(null, "", href);
    this.show();
    scrollTo(0, 0);
  }

  /** @param {string} path */
  find(path) {
    const page = pageAt(path);
    return page === null ? undefined : this.routes.find((route) => route.pages.includes(page));
  }

  /** Another scheduler counts workers and events anew, so no row or place of the old one's must stay. */
  renew() {
    // What was last known of a task is still worth reading.
    if (!this.current().asks) this.show();
  }

  current() {
    return this.find(location.pathname) ?? this.routes[0];
  }

  show() {
    this.mounted?.leave?.();
    const route = this.current();
    const name = route.of === undefined ? "" : (new URLSearchParams(location.search).get(route.of) ?? "");
    const page = document.createElement("div");
    page.className = `page page-${route.tab}`;
    this.root.textContent = "";
    this.root.append(page);
    this.mounted = route.mount(page, name);
    this.entitle();
    this.onTab(route.tab);
  }

  /** What tells this cluster's tabs in the browser from another's. @param {string} cluster */
  nameCluster(cluster) {
    if (this.cluster === cluster) return;
    this.cluster = cluster;
    this.entitle();
  }

  entitle() {
    document.title = `${this.mounted?.title ?? ""} · rask ${this.cluster}`.trim();
  }
}

export const router = new Router();
