// @ts-check
// A canvas that is as large as its box and as sharp as the screen.

/**
 * A canvas whose size was set is blank: `draw` has to draw it before it returns, else it would be seen so for a frame.
 * @param {HTMLElement} box whose size it takes @param {HTMLCanvasElement} canvas @param {() => void} draw
 */
export function surface(box, canvas, draw) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const state = { context, width: 0, height: 0, end: () => observer.disconnect() };
  const fit = () => {
    const ratio = devicePixelRatio || 1;
    state.width = box.clientWidth;
    state.height = box.clientHeight;
    const [width, height] = [Math.round(state.width * ratio), Math.round(state.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${state.width}px`;
      canvas.style.height = `${state.height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw();
  };
  const observer = new ResizeObserver(fit);
  observer.observe(box);
  return state;
}

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', sans-serif";
