/** Two pictures compared: side by side, with a wipe, blended, or as their difference; parts in common lie on each other. */

import { button, el, fill, setVars } from "./dom.js";
import { number, pixels } from "./format.js";
import { outline } from "./outline.js";
import { alignment } from "./overlap.js";
import { NEGATIVE, difference, moved, pixelsOf, stretched, turned, turnedCorners } from "./turning.js";
import { zooming } from "./zooming.js";

/** Pixels of the longer side that are drawn: as a whole, and closely, which takes 100 MB for a picture of 24 megapixels. */
const LONGEST = 1200;
const LONGEST_CLOSE = 6000;
const BLINK_MS = 600;

/** Lies over what the upper picture does not show. */
const GROUND = "rgb(10 11 12 / 60%)";

/** Each mode with its slider: name, minimum, maximum, initial value. @type {Record<string, [string, [string, number, number, number]|null]>} */
const MODES = {
  sides: ["Side by side", null],
  wipe: ["Wipe", ["Wipe", 0, 100, 50]],
  blend: ["Blend", ["Opacity of the upper picture", 0, 100, 50]],
  difference: ["Difference", ["Amplification", 1, 16, 4]],
};

/**
 * The first is the question's. `orientation`: how the hit was found.
 * @typedef {{a: HTMLImageElement, b: HTMLImageElement, orientation: string, names: [string, string],
 *   overlap?: import("./overlap.js").Overlap}} Pictures
 */

export function stage() {
  let mode = "sides";
  let isTurned = true;
  let isAligned = true;
  let isOutlined = true;
  let blinking = 0;
  /** @type {Pictures|null} */
  let pictures = null;

  const view = el("div", { class: "pictures" });
  const message = el("p", { class: "quiet said", role: "status" });
  const slider = el("input", { type: "range", oninput: () => draw() });
  const name = el("span", {});
  const range = el("label", { class: "range" }, name, slider);
  const blink = button("Blink", () => setBlinking(!blinking), { "aria-pressed": "false" });
  const turning = choice("Turn to match", (on) => ((isTurned = on), render()));
  const aligning = choice("Align parts", (on) => ((isAligned = on), render()));
  const outlining = choice("Outline parts", (on) => ((isOutlined = on), render()));
  const modes = el(
    "div",
    { class: "segments", role: "radiogroup", "aria-label": "Way of comparing" },
    ...Object.entries(MODES).map(([value, [text]]) =>
      el(
        "label",
        {},
        el("input", { type: "radio", name: "mode", value, checked: value === mode, onchange: () => ((mode = value), reset(), closely.reset(), render()) }),
        el("span", {}, text),
      ),
    ),
  );
  const closer = button("1:1", () => closely.press("z"), { "aria-pressed": "false", title: "Pixel by pixel, or all of it (z). The wheel, + and − zoom, dragging moves." });
  const closely = zooming(view, { whole: pixelByPixel, onchange: zoomed, mayPan: () => mode !== "wipe" });
  const element = el("div", { class: "stage" }, modes, view, el("div", { class: "controls" }, range, blink, closer, turning, aligning, outlining, message));
  let longest = LONGEST;

  /** The scale at which the larger picture is shown pixel by pixel. */
  function pixelByPixel() {
    const box = view.querySelector(".frame, .stack");
    if (!pictures || !box) return 1;
    const most = Math.max(...[pictures.a, pictures.b].map(({ naturalWidth, naturalHeight }) => Math.max(naturalWidth, naturalHeight)));
    return Math.max(1.01, most / Math.max(box.clientWidth, box.clientHeight) / devicePixelRatio);
  }

  /** Draws the pictures with the pixels that a scale needs. @param {number} scale */
  function zoomed(scale) {
    closer.setAttribute("aria-pressed", String(scale > 1));
    closer.textContent = scale > 1 ? `${number(Math.round(scale * 100))} %` : "1:1";
    const wanted = scale > 1 && mode !== "difference" ? LONGEST_CLOSE : LONGEST;
    if (wanted === longest) return;
    longest = wanted;
    render();
  }

  /** @type {(() => void)} */
  let draw = () => {};

  /** Sets the slider to the mode's initial value. Pictures that come later leave it where it is. */
  function reset() {
    const [, control] = MODES[mode];
    if (!control) return;
    const [text, min, max, value] = control;
    name.textContent = text;
    Object.assign(slider, { min, max, value: String(value) });
  }

  function render() {
    setBlinking(false);
    message.textContent = "";
    range.hidden = !MODES[mode][1];
    blink.hidden = mode !== "blend";
    if (!pictures) return;
    const { a, b, orientation, names, overlap } = pictures;
    const isSides = mode === "sides";
    aligning.hidden = isSides || !overlap;
    outlining.hidden = !overlap || mode === "difference";
    // what is aligned is turned, too
    turning.hidden = orientation === "as is" || (!aligning.hidden && isAligned);
    const second = turned(b, "as is", longest);
    if (!aligning.hidden && isAligned && overlap) {
      const shown = turned(a, orientation.endsWith(NEGATIVE) ? `as is${NEGATIVE}` : "as is", longest);
      const transform = alignment(overlap, shown, second);
      if (transform) {
        const ground = mode === "difference" ? "" : GROUND;
        overlay(moved(shown, transform, second, ground), second, names, isOutlined ? overlap.stored : null);
        return;
      }
    }
    const first = turned(a, isTurned ? orientation : "as is", longest);
    if (!isSides) {
      overlay(stretched(first, second.width, second.height), second, names);
      return;
    }
    draw = () => {};
    const corners = overlap && isOutlined && [turnedCorners(overlap.question, isTurned ? orientation : "as is"), overlap.stored];
    fill(view, captioned(first, names[0], a, corners && corners[0]), captioned(second, names[1], b, corners && corners[1]));
  }

  /**
   * @param {HTMLCanvasElement} upper @param {HTMLCanvasElement} lower of the same size @param {[string, string]} names
   * @param {import("./overlap.js").Point[]|null} [corners] of a part to outline
   */
  function overlay(upper, lower, names, corners = null) {
    const inner = el("div", { class: "zoomed" });
    const stack = el("div", { class: `stack ${mode}`, role: "img", vars: { "--ratio": lower.width / lower.height } }, inner);
    if (mode === "difference") {
      stack.setAttribute("aria-label", `Difference between ${names[0]} and ${names[1]}`);
      const [a, b] = [pixelsOf(upper), pixelsOf(lower)];
      draw = () => {
        const { canvas, mean } = difference(a, b, Number(slider.value));
        fill(inner, canvas);
        message.textContent = `${(mean * 100).toFixed(1)} % difference on average${isAligned && pictures?.overlap ? " where they overlap" : ""}. Black means equal.`;
      };
    } else {
      stack.setAttribute("aria-label", `${names[0]} over ${names[1]}`);
      upper.className = "upper";
      inner.append(lower, upper);
      if (corners) inner.append(outline(corners, lower));
      if (mode === "wipe") inner.append(el("span", { class: "line" }));
      if (mode === "wipe") stack.append(tag("left", names[0]), tag("right", names[1]));
      draw = () => setVars(stack, { "--at": Number(slider.value) / 100 });
    }
    if (mode === "wipe") dragged(stack);
    fill(view, stack);
    draw();
  }

  /** The wipe follows the pointer. @param {HTMLElement} stack */
  function dragged(stack) {
    const follow = (/** @type {PointerEvent} */ event) => {
      const { left, width } = /** @type {Element} */ (stack.querySelector(".zoomed")).getBoundingClientRect();
      slider.value = String(Math.round(((event.clientX - left) / width) * 100));
      draw();
    };
    stack.addEventListener("pointerdown", (event) => {
      stack.setPointerCapture(event.pointerId);
      follow(event);
    });
    stack.addEventListener("pointermove", (event) => event.buttons && follow(event));
  }

  /** Alternates the pictures; where less motion is wanted, once per press. @param {boolean} on */
  function setBlinking(on) {
    const flip = () => view.querySelector(".stack")?.classList.toggle("lower-only");
    clearInterval(blinking);
    blinking = 0;
    if (on && matchMedia("(prefers-reduced-motion: reduce)").matches) {
      flip();
      return;
    }
    if (on) blinking = window.setInterval(flip, BLINK_MS);
    else view.querySelector(".stack")?.classList.remove("lower-only");
    view.querySelector(".stack")?.classList.toggle("blinking", on);
    blink.setAttribute("aria-pressed", String(on));
  }

  /** @param {Pictures} given */
  function show(given) {
    pictures = given;
    closely.reset();
    render();
  }
  /** @param {...any} instead of the pictures */
  function clear(...instead) {
    setBlinking(false);
    pictures = null;
    draw = () => {};
    fill(view, ...instead);
  }
  return { element, show, clear, zoom: closely.press };
}

/**
 * @param {HTMLCanvasElement} canvas @param {string} name @param {HTMLImageElement} picture
 * @param {import("./overlap.js").Point[]|false|undefined} corners of a part to outline
 */
const captioned = (canvas, name, { naturalWidth: width, naturalHeight: height }, corners) => {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", name);
  // turned by a quarter, its width is its height
  const wide = canvas.width > canvas.height === width > height ? width : height;
  const box = { "--ratio": canvas.width / canvas.height, "--wide": `${wide}px` };
  return el(
    "figure",
    {},
    el("div", { class: "frame", vars: box }, el("div", { class: "zoomed" }, canvas, corners && outline(corners, canvas))),
    el("figcaption", {}, el("bdi", {}, name), el("span", {}, pixels({ width, height }))),
  );
};

/** A checkbox that is on. @param {string} text @param {(on: boolean) => void} onchange */
function choice(text, onchange) {
  const input = el("input", { type: "checkbox", checked: true, onchange: () => onchange(input.checked) });
  return el("label", { class: "toggle", hidden: true }, input, el("span", {}, text));
}

/** @param {string} side @param {string} name */
const tag = (side, name) => el("bdi", { class: `tag ${side}`, "aria-hidden": "true" }, name);
