// @ts-check
// Where a picture lies in its window: moved and zoomed by pointer, wheel and keys.

const ZOOM_MAX = 6;

export class PictureView {
  constructor() {
    this.zoom = 1;
    this.left = 0;
    this.top = 0;
    /** Nobody has moved it: so it is fitted again when the picture grows. */
    this.untouched = true;
    this.zoomMin = 0.01;
    /** The picture is pulled apart by these, beside the zoom. */
    this.widen = { x: 1, y: 1 };
  }

  /**
   * Shows all of it. One that is tall and narrow, or flat, is pulled apart so that it fills the window as far as `widest`.
   * @param {{width: number, height: number}} picture @param {{width: number, height: number}} box
   * @param {{x: number, y: number}} [widest] pixels for a unit of the picture, at most
   */
  fit(picture, box, widest = { x: 0, y: 0 }) {
    const margin = 28;
    const fits = { x: (box.width - 2 * margin) / Math.max(1, picture.width), y: (box.height - 2 * margin) / Math.max(1, picture.height) };
    const zoom = Math.min(fits.x, fits.y);
    this.zoomMin = Math.min(0.2, zoom / 2);
    // A picture of three nodes is not blown up to fill the window.
    this.zoom = Math.max(this.zoomMin, Math.min(1.4, zoom));
    const widen = (/** @type {"x"|"y"} */ way) => Math.max(1, Math.min(fits[way], widest[way]) / this.zoom);
    this.widen = { x: widen("x"), y: widen("y") };
    this.left = (box.width - picture.width * this.zoom * this.widen.x) / 2;
    this.top = (box.height - picture.height * this.zoom * this.widen.y) / 2;
    this.untouched = true;
  }

  /** @param {number} factor @param {number} x in the window; the point there stays @param {number} y */
  zoomAt(factor, x, y) {
    const zoom = Math.max(this.zoomMin, Math.min(ZOOM_MAX, this.zoom * factor));
    this.left = x - ((x - this.left) * zoom) / this.zoom;
    this.top = y - ((y - this.top) * zoom) / this.zoom;
    this.zoom = zoom;
    this.untouched = false;
  }

  /** @param {number} dx @param {number} dy */
  move(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.untouched = false;
  }

  /** @param {number} x in the picture */
  x(x) {
    return this.left + x * this.zoom * this.widen.x;
  }

  /** @param {number} y in the picture */
  y(y) {
    return this.top + y * this.zoom * this.widen.y;
  }
}

/**
 * Moves `view` as pointer, wheel and keys say.
 * @param {HTMLElement} canvas @param {PictureView} view
 * @param {{changed: () => void, fit: () => void, point: (at: {x: number, y: number}|null) => void, choose: (at: {x: number, y: number}, event: MouseEvent) => void}} on
 */
export function steer(canvas, view, on) {
  /** @type {{x: number, y: number, moved: boolean}|null} */
  let drag = null;
  const place = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = place(event);
    if (event.shiftKey) view.move(-event.deltaY, 0);
    else view.zoomAt(Math.exp(-Math.max(-1, Math.min(1, event.deltaY / 300))), x, y);
    on.changed();
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    drag = { ...place(event), moved: false };
    on.point(null);
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (!drag) {
      on.point(at);
      return;
    }
    if (!drag.moved && Math.hypot(at.x - drag.x, at.y - drag.y) < 4) return;
    view.move(at.x - drag.x, at.y - drag.y);
    drag = { ...at, moved: true };
    on.changed();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) on.choose(place(event), event);
    drag = null;
  });
  canvas.addEventListener("pointercancel", () => (drag = null));
  canvas.addEventListener("pointerleave", () => on.point(null));
  canvas.addEventListener("dblclick", on.fit);
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
    /** @type {Record<string, () => void>} */
    const does = {
      "+": () => view.zoomAt(1.3, middle[0], middle[1]),
      "=": () => view.zoomAt(1.3, middle[0], middle[1]),
      "-": () => view.zoomAt(1 / 1.3, middle[0], middle[1]),
      ArrowLeft: () => view.move(60, 0),
      ArrowRight: () => view.move(-60, 0),
      ArrowUp: () => view.move(0, 60),
      ArrowDown: () => view.move(0, -60),
      0: on.fit,
      Home: on.fit,
    };
    const action = does[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    on.changed();
  });
}
