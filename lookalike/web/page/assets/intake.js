/** Pictures that are dropped anywhere on the page, pasted, or chosen. */

import { button, el } from "./dom.js";

/**
 * A view's handlers for incoming pictures.
 * @typedef {{label: string, onfiles: (files: File[]) => void, onurl?: (url: string) => void}} Taker
 */

/** The address in a text that is nothing else. @param {string} text @returns {string|null} */
export function urlIn(text) {
  const trimmed = text.trim();
  if (!/^https?:\/\/\S+$/i.test(trimmed)) return null;
  return URL.canParse(trimmed) ? trimmed : null;
}

/** @param {DataTransfer|null} data @returns {boolean} whether this is a file or an address */
const isForUs = (data) => !!data && [...data.types].some((type) => type === "Files" || type === "text/uri-list");

/** @param {DataTransfer} data @param {Taker} taker @returns {boolean} whether there was something to take */
function take(data, taker) {
  const files = [...data.files];
  if (files.length) {
    taker.onfiles(files);
    return true;
  }
  const url = urlIn(data.getData("text/uri-list").split("\n")[0] || data.getData("text/plain"));
  if (url) taker.onurl?.(url);
  return url !== null;
}

/** Listens to the whole page. @param {() => Taker|null} taker of the view that is shown */
export function listen(taker) {
  const words = el("p");
  const curtain = el("div", { class: "curtain", hidden: true, "aria-hidden": "true" }, words);
  document.body.append(curtain);
  // a child is entered before its parent is left, so only counting tells when the page is left
  let depth = 0;
  const draw = (/** @type {number} */ now) => {
    depth = now;
    curtain.hidden = depth === 0;
    words.textContent = taker()?.label ?? "";
  };

  addEventListener("dragenter", (event) => {
    if (isForUs(event.dataTransfer) && taker()) draw(depth + 1);
  });
  addEventListener("dragleave", () => draw(Math.max(0, depth - 1)));
  addEventListener("dragover", (event) => {
    if (!isForUs(event.dataTransfer)) return;
    // otherwise a browser leaves the page and opens the picture
    event.preventDefault();
    event.dataTransfer.dropEffect = taker() ? "copy" : "none";
  });
  addEventListener("drop", (event) => {
    if (!isForUs(event.dataTransfer)) return;
    event.preventDefault();
    draw(0);
    const current = taker();
    if (current) take(event.dataTransfer, current);
  });
  addEventListener("paste", (event) => {
    const current = taker();
    const data = event.clipboardData;
    if (!current || !data) return;
    // a text that is pasted into a field belongs there
    const intoField = event.target instanceof Element && event.target.closest("input, textarea");
    if (intoField && !data.files.length) return;
    if (take(data, current)) event.preventDefault();
  });
}

/**
 * A button that opens the browser's dialog for choosing files.
 * @param {any[]} label @param {(files: File[]) => void} onfiles @param {Record<string, any>} [attributes]
 */
export function chooser(label, onfiles, attributes = {}) {
  const input = el("input", {
    type: "file",
    accept: "image/*",
    multiple: true,
    class: "unseen",
    tabIndex: -1,
    "aria-hidden": "true",
    onchange: () => {
      const files = [...input.files];
      // so that choosing the same file again is a change
      input.value = "";
      if (files.length) onfiles(files);
    },
  });
  return el(
    "span",
    {},
    button(label, () => input.click(), { class: "button primary", ...attributes }),
    input,
  );
}
