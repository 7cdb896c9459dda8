// @ts-check
// The WebSocket: pulses go into the store, graphs to who watches. It is opened again when it breaks.

import { ApiError, get } from "./api.js";
import { socketAddress } from "./root.js";
import { store } from "./store.js";

/** Waits between attempts, the last one for ever. */
const BACKOFF_MS = [300, 700, 1500, 3000, 6000, 10000];
/** Without an answer for so long, the cluster is said to have ended. */
const ENDED_AFTER_MS = 8000;
/** The server's word, as it closes the socket, that it is going away for good. */
const GOING_AWAY = 1001;
/** The server speaks each second. The longest pulse, about a megabyte, takes a slow line longer, and is heard when all of it is here. */
const SILENT_MS = 8000;
const WATCH_MS = 5000;
/** The answer to the question is as long as that pulse and shares the line with it. */
const ANSWER_MS = 15000;

/** @typedef {"connecting"|"live"|"reconnecting"|"ended"|"refused"|"blocked"} Connection */

class Live {
  constructor() {
    /** @type {Connection} */
    this.connection = "connecting";
    /** @type {WebSocket|null} */
    this.socket = null;
    this.attempts = 0;
    /** How many plain questions were answered since the socket was last open. */
    this.answers = 0;
    this.brokenMs = performance.now();
    /** When the socket last spoke, or was made. */
    this.heardMs = 0;
    this.timer = 0;
    /** @type {string|null|undefined} the group that is watched, null for all, undefined for nothing */
    this.group = undefined;
    /** @type {((message: any) => void)|null} */
    this.graphListener = null;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    document.addEventListener("visibilitychange", () => this.seen());
    setInterval(() => this.doubt(), WATCH_MS);
    window.addEventListener("online", () => this.retryNow());
  }

  open() {
    const socket = new WebSocket(socketAddress("api/v1/live"));
    this.socket = socket;
    this.heardMs = performance.now();
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (this.socket === socket) this.broken(event.code);
    };
  }

  /** @param {any} message */
  hear(message) {
    this.heardMs = performance.now();
    if (message.type === "hello") {
      this.attempts = 0;
      this.answers = 0;
      this.say("live");
      if (this.group !== undefined) this.send({ watch: "graph", group: this.group });
    } else if (message.type === "pulse") store.apply(message);
    else if (message.type === "graph" || message.type === "graph-states") this.graphListener?.(message);
  }

  /** @param {number} code */
  broken(code) {
    this.socket = null;
    store.stop();
    if (this.connection === "live") this.brokenMs = performance.now();
    const ended = code === GOING_AWAY || this.connection === "ended" || (this.connection !== "live" && this.isBrokenForLong());
    if (this.connection !== "refused" && this.connection !== "blocked") this.say(ended ? "ended" : "reconnecting");
    this.schedule();
    void this.askWhy();
  }

  schedule() {
    clearTimeout(this.timer);
    const wait = BACKOFF_MS[Math.min(this.attempts, BACKOFF_MS.length - 1)];
    this.attempts += 1;
    this.timer = window.setTimeout(() => this.open(), wait);
  }

  /** A socket that is not opened does not say why; a plain question is answered. */
  async askWhy() {
    try {
      await get("status");
      if (this.connection === "live") return;
      this.answers += 1;
      if (this.connection === "refused") this.say("reconnecting");
      // Once may be a cluster that has come back since the socket was tried.
      else if (this.answers > 1 && this.isBrokenForLong()) this.say("blocked");
    } catch (error) {
      this.answers = 0;
      if (error instanceof ApiError && error.status === 401) this.say("refused");
      else if (this.connection === "blocked") this.say("ended");
    }
  }

  isBrokenForLong() {
    return performance.now() - this.brokenMs > ENDED_AFTER_MS;
  }

  retryNow() {
    if (this.socket) return;
    clearTimeout(this.timer);
    this.attempts = 0;
    this.open();
  }

  seen() {
    if (document.hidden) return;
    if (this.socket) void this.doubt();
    else this.retryNow();
  }

  /**
   * A socket that is dead may never say so: a laptop slept, and the server has given the page up. While the page is hidden
   * the browser may hold back what was said.
   */
  async doubt() {
    const { socket, heardMs } = this;
    if (document.hidden || !socket || performance.now() - heardMs < SILENT_MS) return;
    try {
      await get("status", AbortSignal.timeout(ANSWER_MS));
    } catch {
      // Nor would an answer prove anything of the socket. Either leaves it time to say what waits, if it was the page that slept.
    }
    if (document.hidden || this.socket !== socket || this.heardMs !== heardMs) return;
    socket.onclose = null;
    socket.close();
    this.broken(0);
  }

  /** @param {Connection} connection */
  say(connection) {
    if (this.connection === connection) return;
    this.connection = connection;
    for (const listener of this.listeners) listener();
  }

  /** @param {object} message */
  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /**
   * Pictures of the graph from now on, of one group or of all; gives what ends that.
   * @param {string|null} group @param {(message: any) => void} listener
   */
  watchGraph(group, listener) {
    this.group = group;
    this.graphListener = listener;
    this.send({ watch: "graph", group });
    return () => {
      if (this.graphListener !== listener) return;
      this.group = undefined;
      this.graphListener = null;
      this.send({ watch: null });
    };
  }
}

export const live = new Live();
