// @ts-check
// The page of one task: where it stands and why, what it needs and who needs it, what happened to it.

import { h, panel, replace, setText, taskLink, tasksPath, workerCellLink, workerLink } from "./dom.js";
import * as format from "./format.js";
import { refreshed } from "./refresh.js";
import { store } from "./store.js";
import { linkToWorker, pathToWorker } from "./worker_links.js";

const ASK_MS = 1000;

/** @param {HTMLElement} root @param {string} key @returns {import("./types.js").Mounted} */
export function taskPage(root, key) {
  const badge = h("span", { class: "badge state-badge" });
  const message = h("p", { class: "empty", role: "status" }, "Asking…");
  const content = h("div", { class: "task" });
  root.append(
    h("nav", { class: "crumbs", "aria-label": "Way back" }, h("a", { href: "tasks" }, "Tasks"), " /"),
    h("div", { class: "page-head task-head" }, h("h1", { class: "text key" }, h("bdi", {}, key)), badge, copyButton(key)),
    message,
    content,
  );
  let shown = "";
  const end = refreshed(
    `task?key=${encodeURIComponent(key)}`,
    ASK_MS,
    (answer) => {
      message.hidden = true;
      content.classList.remove("past");
      setText(badge, answer.state);
      badge.dataset.state = answer.state;
      // Made anew only when something has changed, so that what is selected or focused stays.
      const text = JSON.stringify([answer, workersMeant(answer)]);
      if (text === shown) return;
      shown = text;
      const focused = focusedLink(content);
      const open = [...content.querySelectorAll("details[open]")].map((one) => one.className);
      replace(content, ...partsOf(answer));
      for (const name of open) content.querySelector(`details.${name}`)?.setAttribute("open", "");
      if (focused) [...content.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    },
    (error) => {
      message.hidden = false;
      if (error.status === 404) {
        setText(badge, shown ? "forgotten" : "not known");
        badge.dataset.state = "forgotten";
      }
      content.classList.toggle("past", shown !== "");
      setText(message, shown ? `${error.message}. Below is what was last known of it.` : error.message);
    },
  );
  return { title: `${format.oneLine(key, 40)} · task`, leave: end };
}

/** @param {Element} content */
function focusedLink(content) {
  const active = document.activeElement;
  return active instanceof HTMLAnchorElement && content.contains(active) ? active.getAttribute("href") : null;
}

/** @param {string} key */
function copyButton(key) {
  const button = h("button", { type: "button", class: "quiet", title: "Copy the key" }, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(key);
      setText(button, "copied");
    } catch {
      setText(button, "not allowed here");
    }
    setTimeout(() => setText(button, "copy"), 1500);
  });
  return button;
}

/** @param {any} task */
function partsOf(task) {
  return [
    h("p", { class: "explain text", "data-state": task.state }, task.explain),
    task.error && errorPanel(task),
    h(
      "div",
      { class: "task-grid" },
      h("div", { class: "column" }, factsPanel(task), relatives("Depends on", task.dependencies, task.n_dependencies), relatives("Needed by", task.dependents, task.n_dependents)),
      h("div", { class: "column" }, storyPanel(task.story), transfersPanel(task.transfers)),
    ),
  ];
}

/** @param {any} task */
function errorPanel(task) {
  const { error, key } = task;
  const { element, body } = panel(capital(error.kind || "error"), "error");
  body.append(h("p", { class: "error-text text" }, error.text));
  if (error.key && error.key !== key) body.append(h("p", {}, "The task to blame: ", taskLink(error.key)));
  if (error.worker) body.append(h("p", { class: "muted" }, "on ", linkToWorker(nameOf(task), whereErred(task))));
  if (error.traceback) body.append(h("pre", { class: "traceback text", tabindex: 0, "aria-label": "Traceback" }, error.traceback));
  return element;
}

/** The number of the worker on which the task itself erred, which only its story knows. @param {any} task */
const whereErred = ({ error, key, story }) => (error.key && error.key !== key ? undefined : story.findLast((/** @type {any} */ step) => step.state === "erred")?.worker_id);

/** The name of the worker of an error, which is called by its address, if it is here or left not long ago. @param {any} task */
const nameOf = (task) => store.names.get(whereErred(task)) ?? [...store.workers.values()].find((row) => row.address === task.error.worker)?.name ?? task.error.worker;

/** What the links to workers say and lead to: that changes when they leave, though the answer does not. @param {any} answer */
const workersMeant = (answer) => [answer.error && [nameOf(answer), pathToWorker("", whereErred(answer))], ...answer.story.map((/** @type {any} */ step) => step.worker && pathToWorker(step.worker, step.worker_id))];

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @param {any} task */
function factsPanel(task) {
  const { element, body } = panel("Facts", "facts-panel");
  const workers = task.workers.flatMap((/** @type {string} */ name, /** @type {number} */ i) => [i ? ", " : "", workerLink(name)]);
  const place = task.state === "memory" ? "Value on" : "On";
  /** @type {[string, any][]} */
  const facts = [
    [place, task.workers.length ? workers : [task.kept_by_scheduler ? "the scheduler keeps it" : format.UNKNOWN]],
    ["Value", [task.type ? `${task.type}, ${format.bytes(task.nbytes)}` : format.bytes(task.nbytes || null)]],
    ["Duration", [format.duration(task.duration_s)]],
    ["Prefix", [h("a", { href: tasksPath(task.prefix) }, task.prefix)]],
    ["Wanted by", [task.clients.length ? task.clients.join(", ") : "no client; tasks that depend on it may need it"]],
  ];
  if (task.attempt > 1) facts.push(["Assigned", [`${task.attempt} times`]]);
  if (task.retries) facts.push(["Retries", [`${task.retries} asked for`]]);
  const resources = Object.entries(task.resources ?? {});
  if (resources.length) facts.push(["Resources", [resources.map(([name, amount]) => `${name} ${amount}`).join(", ")]]);
  if (task.allowed_workers?.length) facts.push(["Allowed on", [task.allowed_workers.join(", ")]]);
  if (task.priority !== null && task.priority !== undefined) facts.push(["Priority", [Array.isArray(task.priority) ? task.priority.join(", ") : String(task.priority)]]);
  body.append(h("dl", { class: "facts" }, ...facts.flatMap(([title, value]) => [h("dt", {}, title), h("dd", { class: "text" }, ...value)])));
  return element;
}

/** @param {string} title @param {{key: string, state: string}[]} items @param {number} total */
function relatives(title, items, total) {
  const { element, body, heading } = panel(title, "relatives");
  setText(heading, `${title} ${total ? `(${format.count(total)})` : ""}`);
  const list = items.map((item) => h("li", {}, h("i", { class: "dot", "data-state": item.state }), taskLink(item.key), h("span", { class: "muted" }, item.state)));
  if (items.length) body.append(h("ul", { class: "plain-list" }, ...list));
  if (!total) body.append(h("p", { class: "muted" }, "Nothing."));
  else if (total > items.length) body.append(h("p", { class: "muted" }, `and ${format.count(total - items.length)} more`));
  return element;
}

/** @param {any[]} story */
function storyPanel(story) {
  const { element, body } = panel("Story", "story-panel");
  if (!story.length) {
    body.append(h("p", { class: "muted" }, "Nothing of it is remembered any more."));
    return element;
  }
  let before = story[0].at;
  const steps = story.map((step) => {
    const since = step.at - before;
    before = step.at;
    return h(
      "li",
      { "data-state": step.state },
      h("i", { class: "dot", "data-state": step.state }),
      h("time", { class: "tabular muted", title: format.moment(step.at) }, format.clock(step.at, 3)),
      h("span", { class: "tabular muted since" }, step === story[0] ? "" : `+${format.duration(Math.max(0, since))}`),
      h(
        "div",
        {},
        h("b", {}, step.state),
        step.cause && h("span", { class: "text" }, ` ${step.cause}`),
        step.worker && h("span", { class: "muted" }, " on ", linkToWorker(step.worker, step.worker_id)),
        step.duration_s !== null && step.duration_s !== undefined && h("span", { class: "muted" }, `, executed for ${format.duration(step.duration_s)}`),
      ),
    );
  });
  body.append(h("ol", { class: "story" }, ...steps));
  return element;
}

/** @param {any[]} transfers */
function transfersPanel(transfers) {
  const { element, body } = panel("Transfers of its value", "transfers-panel");
  if (!transfers.length) {
    body.append(h("p", { class: "muted" }, "None that is remembered."));
    return element;
  }
  const row = (/** @type {any} */ one) =>
    h("tr", {}, h("td", {}, workerCellLink(one.from)), h("td", {}, workerCellLink(one.to)), h("td", { class: "number" }, format.clock(one.start, 3)), h("td", { class: "number" }, format.duration(one.duration_s)), h("td", { class: "number" }, format.bytes(one.nbytes)));
  const head = ["From", "To", "Began", "Took", "Size"].map((title, i) => h("th", { scope: "col", class: i > 1 ? "number" : null }, title));
  body.append(h("div", { class: "table-wrap" }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...transfers.map(row)))));
  return element;
}

