// @ts-check
// When to draw: at most once for each picture of the screen, never while the page is hidden, and not at all when nobody asked.

/** @type {Set<() => void>} */
const wanted = new Set();
/** The number of the animation frame that will draw, or 0. */
let asked = 0;

function run() {
  asked = 0;
  const now = [...wanted];
  wanted.clear();
  for (const draw of now) draw();
}

/** Draws soon. @param {() => void} draw the same function each time: that is how repeated wishes are one */
function drawSoon(draw) {
  wanted.add(draw);
  if (!asked && !document.hidden) asked = requestAnimationFrame(run);
}

/** @param {() => void} draw */
const drawNever = (draw) => wanted.delete(draw);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && wanted.size && !asked) asked = requestAnimationFrame(run);
});

/**
 * `wish` of the result draws soon, but not more often than every `ms`; what `now` draws does not put off a wish.
 * @param {() => void} draw @param {number} ms
 */
export function throttled(draw, ms) {
  let last = -Infinity;
  let timer = 0;
  let wished = false;
  const paint = () => {
    if (wished) last = performance.now();
    wished = false;
    draw();
  };
  const grant = () => {
    timer = 0;
    wished = true;
    drawSoon(paint);
  };
  return {
    wish() {
      if (timer) return;
      const rest = last + ms - performance.now();
      if (rest <= 0) grant();
      else timer = window.setTimeout(grant, rest);
    },
    /** Draws with the next picture, however long ago the last one was. */
    now: () => drawSoon(paint),
    end() {
      clearTimeout(timer);
      timer = 0;
      drawNever(paint);
    },
  };
}

export const calm = matchMedia("(prefers-reduced-motion: reduce)");
