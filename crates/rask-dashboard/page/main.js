// @ts-check
// The start: header, pages, connection.

import { eventsPage } from "./events.js";
import { graphPage } from "./graph.js";
import { startHeader } from "./header.js";
import { live } from "./live.js";
import { router } from "./router.js";
import { statusPage } from "./status.js";
import { taskPage } from "./task.js";
import { tasksPage } from "./tasks.js";
import { workerPage } from "./worker.js";
import { workersPage } from "./workers.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const header = startHeader();

router.start(
  main,
  [
    { tab: "status", pattern: /^\/(?:status)?$/, mount: statusPage },
    { tab: "graph", pattern: /^\/graph$/, mount: graphPage },
    { tab: "workers", pattern: /^\/workers$/, mount: workersPage },
    { tab: "workers", pattern: /^\/workers\/(.+)$/, mount: workerPage },
    { tab: "tasks", pattern: /^\/tasks\/?$/, mount: tasksPage },
    { tab: "tasks", pattern: /^\/tasks\/(.+)$/, mount: taskPage },
    { tab: "events", pattern: /^\/events$/, mount: eventsPage },
  ],
  header.showTab,
);
live.open();
