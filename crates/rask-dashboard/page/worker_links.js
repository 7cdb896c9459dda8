// @ts-check
// Links to the worker that is meant by something that happened: it may be gone, and another have taken its name since.

import { h, workerPath } from "./dom.js";
import { store } from "./store.js";

/** Of one that is gone. @param {number} id */
export const goneWorkerPath = (id) => `worker?id=${id}`;

/** @param {string} name @param {number|null|undefined} id if it is known */
export const pathToWorker = (name, id) => (id === null || id === undefined || store.workers.has(id) ? workerPath(name) : goneWorkerPath(id));

/** @param {string} name @param {number|null|undefined} id */
export const linkToWorker = (name, id) => h("a", { class: "name", href: pathToWorker(name, id) }, name);
