/** The start page: an explanation, and images to try a search with. */

import * as api from "./api.js";
import { el, fill } from "./dom.js";
import { facts } from "./facts.js";
import { count } from "./format.js";
import { card, skeleton, walkByArrows } from "./grid.js";
import { problemBox } from "./problems.js";
import { go, to } from "./router.js";

const SAMPLES = 12;

/** `hero` is the place for the search bar. */
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
      "Drop a picture anywhere on this page, paste it, or type its address. Copies are found that were resized, recompressed, recoloured, captioned or cropped.",
    ),
    note,
  );
  const element = el("div", { class: "start" }, hero, samples);

  /** @param {string} [message] the reason for being here */
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
      el("h2", {}, "Or start from an image of the index"),
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
    el("h2", {}, "The index is empty"),
    el("p", {}, "Add images, and searches find them at once."),
    el("a", { class: "button primary", href: to("add") }, "Add images"),
  );
