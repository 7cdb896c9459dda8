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
    if (moving || !this.restingEnd) this.restingEnd = newest || moving ? Math.max(newest, moving ? now : newest + 0.5) : now;
    if (this.live) this.end = this.restingEnd;
    return moving && this.live;
  }

  follow() {
    this.live = true;
    this.span = SPAN_S;
    this.advance();
  }

  /** @param {number} factor below 1 shows less @param {number} at the time that stays where it is */
  zoom(factor, at) {
    const span = Math.min(SPAN_MAX_S, Math.max(SPAN_MIN_S, this.span * factor));
    if (this.live) {
      // The present stays at the right edge, whatever the pointer is at: else each zoom would end the following.
      this.span = span;
      return;
    }
    this.end = at + ((this.end - at) * span) / this.span;
    this.span = span;
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
