// @ts-check
// Questions to the server, with errors that can be shown as they are.

import { addressOf } from "./root.js";

export class ApiError extends Error {
  /** @param {number} status HTTP's, or 0 if there was no answer @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** An answer that is not the dashboard's, mostly the login page of a proxy in between. */
const OTHER_ANSWER = "Something between this page and the cluster answered in its place; perhaps you are no longer logged in there. Load the page again.";

/**
 * What `/api/v1/` + `path` gives.
 * @param {string} path @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, signal) {
  let response;
  try {
    response = await fetch(addressOf(`api/v1/${path}`), { signal, credentials: "same-origin", headers: { Accept: "application/json" } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The cluster does not answer.");
  }
  let body;
  try {
    body = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
  }
  if (!response.ok) throw new ApiError(response.status, body?.error ?? `The server answered ${response.status}.`);
  if (body === undefined) throw new ApiError(0, OTHER_ANSWER);
  return body;
}
