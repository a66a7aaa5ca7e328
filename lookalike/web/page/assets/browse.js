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

/** After that long without another letter, what was typed is looked for. */
const TYPING_MS = 200;

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
  const text = el("input", {
    type: "search",
    id: "contains",
    placeholder: "any part of the key",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      clearTimeout(typing);
      typing = window.setTimeout(() => change({ contains: text.value, image: null }, { quietly: true }), TYPING_MS);
    },
  });
  let typing = 0;
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
      el("form", { role: "search", onsubmit: submit }, el("label", { htmlFor: "contains" }, "With the text"), text, el("label", { htmlFor: "prefix" }, "Keys that begin with"), prefix),
    ),
    body,
  );
  walkByArrows(grid);

  /** What is shown: prefix and text; null at first and after a change of the index. @type {string|null} */
  let shown = null;
  /** @type {string|null} */
  let next = null;
  let isLoading = false;

  onIndexChanged(() => (shown = null));
  new IntersectionObserver(([entry]) => entry.isIntersecting && load(), { rootMargin: "400px" }).observe(more);

  function submit(/** @type {Event} */ event) {
    event.preventDefault();
    change({ prefix: prefix.value, contains: text.value, image: null });
  }

  /** @param {URLSearchParams} params */
  async function update(params) {
    const wanted = JSON.stringify([params.get("prefix") ?? "", params.get("contains") ?? ""]);
    const image = params.get("image");
    if (image) openImage(image, () => removed(image));
    else closeImage();
    if (wanted === shown) return;
    shown = wanted;
    next = null;
    [prefix.value, text.value] = JSON.parse(wanted);
    fill(grid);
    more.hidden = true;
    fill(body, skeleton(12));
    await load();
  }

  async function load() {
    if (isLoading || shown === null) return;
    isLoading = true;
    const asked = shown;
    const [beginning, contains] = JSON.parse(asked);
    let isEmptyPage = false;
    try {
      const [{ images, next: after }, stats] = await Promise.all([
        api.list({ prefix: beginning, contains, after: next, limit: PAGE }),
        facts(),
      ]);
      if (asked !== shown) return;
      heading.textContent = beginning || contains ? "Browse" : count(stats.images, "image");
      grid.append(...images.map(item));
      next = after;
      more.hidden = !next;
      // the text may be in none of the keys that the server looked at for this page
      isEmptyPage = !images.length && !!next;
      announce(`${count(grid.children.length, "image")} shown`);
      fill(body, ...(grid.children.length || next ? [grid, more] : [empty(beginning || contains)]));
    } catch (error) {
      shown = null;
      fill(body, problemBox(error, () => update(new URLSearchParams({ prefix: beginning, contains }))));
    } finally {
      isLoading = false;
      // the prefix changed while this was under way
      if (shown !== null && (isEmptyPage || asked !== shown)) load();
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
    shown = JSON.stringify([prefix.value, text.value]);
    neighbour?.querySelector("button")?.focus();
    const isPart = !!(prefix.value || text.value);
    if (!grid.children.length) fill(body, empty(isPart));
    if (!isPart) heading.textContent = count((await facts()).images, "image");
  }

  return { element, title: "Browse", update, taker: null, focus: () => text.focus(), about: () => "" };
}

/** @param {boolean|string} isPart whether some of the images were asked for */
const empty = (isPart) =>
  el(
    "div",
    { class: "empty" },
    el("h2", {}, isPart ? "No key is like that" : "There are no images yet"),
    isPart
      ? el("p", {}, "At the beginning of a key upper and lower case differ, and folders end with a slash.")
      : el("a", { class: "button primary", href: to("add") }, "Add images"),
  );
