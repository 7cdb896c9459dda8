// @ts-check
// The part of time that the task stream shows: following the present, or standing still where somebody looks.

import { store } from "./store.js";

const SPAN_S = 30;
const SPAN_MIN_S = 0.0005;
const SPAN_MAX_S = 900;
/** So long after the last execution the present is followed no more: an idle stream stands still. */
const IDLE_AFTER_S = 2;

export class TimeWindow {
  constructor() {
    this.live = true;
    this.span = SPAN_S;
    /** Its right edge. */
    this.end = store.now();
    this.restingEnd = 0;
    /** Pixels to the left of it, for names. */
    this.gutter = 0;
  }

  get start() {
    return this.end - this.span;
  }

  /** Moves on, if it follows the present. Says whether it will have to again. */
  advance() {
    const now = store.now();
    const newest = store.lanes.newest;
    const moving = store.executing() || now - newest < IDLE_AFTER_S;
    if (moving) this.restingEnd = Math.max(newest, now);
    // It may have come to rest while nobody looked.
    else if (!this.restingEnd || this.restingEnd < newest) this.restingEnd = newest ? newest + 0.5 : now;
    // Time that stopped went back to the last pulse.
    this.restingEnd = Math.min(this.restingEnd, Math.max(newest, now));
    if (this.live) this.end = this.restingEnd;
    return moving && this.live && !store.stopped;
  }

  follow() {
    this.live = true;
    this.span = SPAN_S;
    this.advance();
  }

  /**
   * Following the present, that stays at the right edge, as long as `at` is in view: else each zoom would end the following.
   * @param {number} factor below 1 shows less @param {number} at a time that somebody looks at
   * @param {number} [share] the part of the view that is to its right, where it does not follow
   */
  zoom(factor, at, share = (this.end - at) / this.span) {
    this.span = Math.min(SPAN_MAX_S, Math.max(SPAN_MIN_S, this.span * factor));
    if (this.live && at >= this.start) return;
    this.live = false;
    this.end = at + share * this.span;
  }

  /** @param {number} seconds to the right */
  pan(seconds) {
    this.live = false;
    this.end = Math.min(this.restingEnd + this.span * 0.5, this.end + seconds);
  }

  /** @param {number} start @param {number} end */
  show(start, end) {
    this.live = false;
    this.span = Math.min(SPAN_MAX_S, Math.max(SPAN_MIN_S, end - start));
    this.end = (start + end + this.span) / 2;
  }
}
