// @ts-check
// Questions to the server, with errors that can be shown as they are.

export class ApiError extends Error {
  /** @param {number} status HTTP's, or 0 if there was no answer @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * What `/api/v1` + `path` gives.
 * @param {string} path @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, signal) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { signal, credentials: "same-origin", headers: { Accept: "application/json" } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The cluster does not answer.");
  }
  let body = null;
  try {
    body = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
  }
  if (!response.ok) throw new ApiError(response.status, body?.error ?? `The server answered ${response.status}.`);
  return body;
}
