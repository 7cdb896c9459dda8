// @ts-check
// The start: header, pages, connection.

import { eventsPage } from "./events.js";
import { graphPage } from "./graph.js";
import { startHeader } from "./header.js";
import { live } from "./live.js";
import { router } from "./router.js";
import { statusPage } from "./status.js";
import { store } from "./store.js";
import { taskPage } from "./task.js";
import { tasksPage } from "./tasks.js";
import { workerPage } from "./worker.js";
import { workersPage } from "./workers.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const header = startHeader();

router.start(
  main,
  [
    { tab: "status", pages: ["", "status"], mount: statusPage },
    { tab: "graph", pages: ["graph"], mount: graphPage },
    { tab: "workers", pages: ["workers"], mount: workersPage },
    { tab: "workers", pages: ["worker"], of: "name", mount: workerPage },
    { tab: "tasks", pages: ["tasks"], mount: tasksPage, asks: true },
    { tab: "tasks", pages: ["task"], of: "key", mount: taskPage, asks: true },
    { tab: "events", pages: ["events"], mount: eventsPage },
  ],
  header.showTab,
);
store.onAnother = () => router.renew();
live.open();
