/** Looking closely at pictures beside each other: all of them zoom and move together. */

import { setVars } from "./dom.js";

const MOST = 32;
const STEP = 1.5;

/**
 * @param {HTMLElement} view holds the boxes, `.zoomed`, each of which shows the same part of its picture
 * @param {{whole: () => number, onchange: (scale: number) => void, mayPan: () => boolean}} how `whole`: the scale at which
 *   the picture with the most pixels is shown pixel by pixel
 */
export function zooming(view, { whole, onchange, mayPan }) {
  let scale = 1;
  // the point of the pictures in the middle of their boxes, in shares of width and height
  let [x, y] = [0.5, 0.5];

  /** @param {number} to @param {[number, number]} [at] stays where it is, in shares of a box */
  function zoom(to, [atX, atY] = [0.5, 0.5]) {
    const next = Math.max(1, Math.min(MOST, to));
    x += (atX - 0.5) * (1 / scale - 1 / next);
    y += (atY - 0.5) * (1 / scale - 1 / next);
    scale = next;
    draw();
    onchange(scale);
  }

  function draw() {
    const margin = 0.5 / scale;
    x = Math.max(margin, Math.min(1 - margin, x));
    y = Math.max(margin, Math.min(1 - margin, y));
    setVars(view, { "--scale": scale, "--x": (0.5 - x) * 100 * scale + "%", "--y": (0.5 - y) * 100 * scale + "%" });
    view.classList.toggle("magnified", scale > 1);
  }

  /** @param {MouseEvent} event @returns {[number, number]|null} where in its box it is */
  function place(event) {
    const box = boxOf(event);
    if (!box) return null;
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }
  const boxOf = (/** @type {MouseEvent} */ event) =>
    /** @type {Element} */ (event.target).closest(".frame, .stack")?.getBoundingClientRect() ?? null;

  view.addEventListener(
    "wheel",
    (event) => {
      const at = place(event);
      if (!at) return;
      event.preventDefault();
      zoom(scale * STEP ** (-Math.sign(event.deltaY) * 0.5), at);
    },
    { passive: false },
  );
  view.addEventListener("dblclick", (event) => {
    const at = place(event);
    if (at) zoom(scale > 1 ? 1 : whole(), at);
  });
  view.addEventListener("pointerdown", (event) => {
    if (scale > 1 && mayPan() && boxOf(event)) view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", (event) => {
    if (scale === 1 || !event.buttons || !mayPan()) return;
    const box = view.querySelector(".frame, .stack")?.getBoundingClientRect();
    if (!box) return;
    x -= event.movementX / box.width / scale;
    y -= event.movementY / box.height / scale;
    draw();
  });

  return {
    scale: () => scale,
    /** @param {string} key `z`: pixel by pixel, or all of it again; `+` and `-` */
    press: (key) => zoom(key === "z" ? (scale > 1 ? 1 : whole()) : scale * (key === "+" ? STEP : 1 / STEP)),
    reset() {
      [scale, x, y] = [1, 0.5, 0.5];
      draw();
      onchange(scale);
    },
  };
}
