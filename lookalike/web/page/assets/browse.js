/** All images of the index, a page at a time. */

import * as api from "./api.js";
import { announce, button, el, fill } from "./dom.js";
import { facts, onIndexChanged } from "./facts.js";
import { count } from "./format.js";
import { card, skeleton, walkByArrows } from "./grid.js";
import { closeImage, openImage } from "./image.js";
import { problemBox } from "./problems.js";
import { change, openOver, to } from "./router.js";

const PAGE = 60;

export function browseView() {
  const heading = el("h1", {}, "Browse");
  const prefix = el("input", {
    type: "search",
    id: "prefix",
    placeholder: "holiday/2024/",
    autocomplete: "off",
    spellcheck: "false",
    onchange: () => change({ prefix: prefix.value, image: null }),
  });
  const grid = el("ul", { class: "grid", "aria-label": "Images" });
  const more = button("Show more", () => load(), { class: "button wide", hidden: true });
  const body = el("div", { class: "found" });
  const element = el(
    "section",
    { class: "view browse" },
    el(
      "header",
      { class: "bar" },
      heading,
      el("form", { role: "search", onsubmit: submit }, el("label", { htmlFor: "prefix" }, "Keys that begin with"), prefix),
    ),
    body,
  );
  walkByArrows(grid);

  /** The prefix that is shown; null at first and after a change of the index. @type {string|null} */
  let shown = null;
  /** @type {string|null} */
  let next = null;
  let isLoading = false;

  onIndexChanged(() => (shown = null));
  new IntersectionObserver(([entry]) => entry.isIntersecting && load(), { rootMargin: "400px" }).observe(more);

  function submit(/** @type {Event} */ event) {
    event.preventDefault();
    change({ prefix: prefix.value, image: null });
  }

  /** @param {URLSearchParams} params */
  async function update(params) {
    const wanted = params.get("prefix") ?? "";
    const image = params.get("image");
    if (image) openImage(image, () => removed(image));
    else closeImage();
    if (wanted === shown) return;
    shown = wanted;
    next = null;
    prefix.value = wanted;
    fill(grid);
    more.hidden = true;
    fill(body, skeleton(12));
    await load();
  }

  async function load() {
    if (isLoading || shown === null) return;
    isLoading = true;
    const asked = shown;
    try {
      const [{ images, next: after }, stats] = await Promise.all([
        api.list({ prefix: asked, after: next, limit: PAGE }),
        facts(),
      ]);
      if (asked !== shown) return;
      heading.textContent = asked ? "Browse" : count(stats.images, "image");
      grid.append(...images.map(item));
      next = after;
      more.hidden = !next;
      announce(`${count(grid.children.length, "image")} shown`);
      fill(body, ...(grid.children.length ? [grid, more] : [empty(asked)]));
    } catch (error) {
      shown = null;
      fill(body, problemBox(error, () => update(new URLSearchParams({ prefix: asked }))));
    } finally {
      isLoading = false;
      // the prefix changed while this was under way
      if (shown !== null && asked !== shown) load();
    }
  }

  /** @param {api.Image} image */
  const item = (image) =>
    card(image, {
      label: `Details of ${image.key}`,
      onopen: () => openOver({ image: image.key }),
      similar: to("search", { key: image.key }),
    });

  /** Takes an image out of the grid without reloading the others. @param {string} key */
  async function removed(key) {
    const gone = [...grid.children].find((card) => card.getAttribute("data-key") === key);
    const neighbour = gone?.nextElementSibling ?? gone?.previousElementSibling;
    gone?.remove();
    shown = prefix.value;
    neighbour?.querySelector("button")?.focus();
    if (!grid.children.length) fill(body, empty(shown));
    if (!shown) heading.textContent = count((await facts()).images, "image");
  }

  return { element, title: "Browse", update, taker: null, focus: () => prefix.focus(), about: () => "" };
}

/** @param {string} prefix */
const empty = (prefix) =>
  el(
    "div",
    { class: "empty" },
    el("h2", {}, prefix ? "No key begins with that" : "There are no images yet"),
    prefix
      ? el("p", {}, "Upper and lower case differ. Folders end with a slash.")
      : el("a", { class: "button primary", href: to("add") }, "Add images"),
  );
