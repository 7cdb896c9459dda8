// @ts-check
// Addresses and pages: links within the page change it without loading, and remain real links for everything else.

/** @typedef {import("./types.js").Mounted} Mounted */
/** @typedef {{tab: string, pattern: RegExp, mount: (root: HTMLElement, name: string) => Mounted}} Route */

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
    if (link.getAttribute("href")?.startsWith("#") || link.pathname.startsWith("/api/") || !this.find(link.pathname)) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }

  /** @param {string} path */
  go(path) {
    if (path !== location.pathname + location.search) history.pushState(null, "", path);
    this.show();
    scrollTo(0, 0);
  }

  /** @param {string} path */
  find(path) {
    for (const route of this.routes) {
      const match = route.pattern.exec(path);
      if (match) return { route, name: unescaped(match[1] ?? "") };
    }
    return null;
  }

  show() {
    this.mounted?.leave?.();
    const found = this.find(location.pathname) ?? { route: this.routes[0], name: "" };
    const page = document.createElement("div");
    page.className = `page page-${found.route.tab}`;
    this.root.textContent = "";
    this.root.append(page);
    this.mounted = found.route.mount(page, found.name);
    document.title = `${this.mounted.title} · rask`;
    this.onTab(found.route.tab);
  }
}

/** @param {string} text */
function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const router = new Router();
