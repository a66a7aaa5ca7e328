/** What one sees before anything was asked: what this is, and pictures to try it with. */

import * as api from "./api.js";
import { el, fill } from "./dom.js";
import { facts } from "./facts.js";
import { count } from "./format.js";
import { card, skeleton, walkByArrows } from "./grid.js";
import { problemBox } from "./problems.js";
import { go, to } from "./router.js";

const SAMPLES = 12;

/** `hero` is where the bar goes that a question is put in. */
export function startPage() {
  const note = el("p", { class: "note", hidden: true });
  const samples = el("div", { class: "samples" });
  walkByArrows(samples);
  const hero = el(
    "div",
    { class: "hero" },
    el("h1", {}, "Find every copy of a picture"),
    el(
      "p",
      { class: "lead" },
      "Drop one anywhere on this page, paste it, or give its address. Resized, recompressed, recoloured and captioned copies are found.",
    ),
    note,
  );
  const element = el("div", { class: "start" }, hero, samples);

  /** @param {string} [message] why there is nothing else to see */
  async function show(message = "") {
    note.hidden = !message;
    note.textContent = message;
    if (!samples.hasChildNodes()) fill(samples, skeleton(6));
    try {
      const [{ images }, found] = await Promise.all([facts(), api.list({ limit: SAMPLES })]);
      fill(samples, ...(found.images.length ? chosen(found.images, images) : [empty()]));
    } catch (error) {
      fill(samples, problemBox(error, () => show(message)));
    }
  }
  return { element, hero, show };
}

/** @param {api.Image[]} images @param {number} total */
function chosen(images, total) {
  return [
    el(
      "div",
      { class: "heading" },
      el("h2", {}, "Or start from one that is here"),
      el("a", { href: to("browse") }, total > images.length ? `Browse all ${count(total, "image")}` : "Browse them"),
    ),
    el(
      "ul",
      { class: "grid", "aria-label": "Images of the index" },
      ...images.map((image) =>
        card(image, { label: `Find similar to ${image.key}`, onopen: () => go("search", { key: image.key }) }),
      ),
    ),
  ];
}

const empty = () =>
  el(
    "div",
    { class: "empty" },
    el("h2", {}, "There is nothing to find yet"),
    el("p", {}, "This index has no images. Add some, and they can be found at once."),
    el("a", { class: "button primary", href: to("add") }, "Add images"),
  );
