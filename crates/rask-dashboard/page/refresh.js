// @ts-check
// Asks the server again and again while a page is shown, one question at a time, and not while the page is hidden.

import { ApiError, get } from "./api.js";

/** What is not known may come to be, but is asked for less often: each such answer is an error in the browser's console. */
const UNKNOWN_MS = 10000;

/**
 * @param {string} path below /api/v1 @param {number} ms between an answer and the next question
 * @param {(answer: any) => void} answered @param {(error: ApiError) => void} failed
 */
export function refreshed(path, ms, answered, failed) {
  const stop = new AbortController();
  let timer = 0;
  let asking = false;
  let wait = ms;
  const ask = async () => {
    timer = 0;
    asking = true;
    wait = ms;
    try {
      answered(await get(path, stop.signal));
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) wait = Math.max(ms, UNKNOWN_MS);
      failed(error);
    } finally {
      asking = false;
    }
    if (!stop.signal.aborted && !document.hidden) timer = window.setTimeout(ask, wait);
  };
  const seen = () => {
    if (!document.hidden && !timer && !asking) void ask();
  };
  document.addEventListener("visibilitychange", seen);
  void ask();
  return () => {
    stop.abort();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}
