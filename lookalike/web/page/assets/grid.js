/** Images in rows: cards, and moving between them with the arrow keys. */

import { el, icon } from "./dom.js";
import { distance, joined, metadata, pixels, score, split, turning } from "./format.js";
import { ratio, thumbnail } from "./pictures.js";

/** Metadata fields on a card; the image's details show all. */
const FIELDS = 2;

/** A key in two lines: name and folder. @param {string} key */
export function keyLines(key) {
  const [folder, name] = split(key);
  return [el("bdi", { class: "name" }, name), folder && el("bdi", { class: "folder" }, folder)];
}

/** A score as a number and a bar. @param {number} value @param {boolean} isMatch */
export const scoreBar = (value, isMatch = true) =>
  el(
    "span",
    { class: isMatch ? "score" : "score weak" },
    el("span", { class: "figure" }, score(value)),
    el("span", { class: "bar", vars: { "--share": Math.max(0, Math.min(100, value)) / 100 } }),
  );

/**
 * One image of a grid.
 * @param {import("./api.js").Image & {distance?: number|null, orientation?: string, link?: string,
 *   overlap?: import("./overlap.js").Overlap}} image
 * @param {{label: string, onopen: () => void, family?: string, unit?: string|null, common?: string, similar?: string,
 *   lead?: Node, extra?: Node}} how `family`: named with its distance; `common`: what it shows of the other picture, or why it is no match; `similar`: the address of a search for the image; `lead`: shown
 *   below the picture, such as a score; `extra`: shown at the end of the card
 */
export function card(image, { label, onopen, family, unit, common, similar, lead, extra }) {
  const turned = turning(image.orientation);
  const fields = Object.entries(image.meta).slice(0, FIELDS).map(([name, value]) => `${name}: ${metadata(value)}`);
  return el(
    "li",
    { class: "card", vars: { "--ratio": ratio(image) }, "data-key": image.key },
    el(
      "button",
      { type: "button", class: "open", "aria-label": label, onclick: onopen },
      thumbnail(image),
      turned && el("span", { class: "tag" }, turned),
    ),
    lead,
    el("span", { class: "key", title: image.key }, ...keyLines(image.key)),
    el("span", { class: "facts measured" }, joined(" · ", pixels(image), joined(", ", family, distance(image.distance ?? null, unit)))),
    common && el("span", { class: "facts common" }, common),
    image.link && outside(image.link),
    ...fields.map((field) => el("bdi", { class: "facts", title: field }, field)),
    similar &&
      el("a", { class: "similar", href: similar, title: "Find similar", "aria-label": `Find similar to ${image.key}` }, icon("similar")),
    extra,
  );
}

/** A link to the page that an image comes from; nothing but an address of the web. @param {string} address */
function outside(address) {
  if (!/^https?:\/\//i.test(address)) return null;
  const shown = address.replace(/^https?:\/\//i, "");
  return el("a", { class: "facts outside", href: address, target: "_blank", rel: "noopener noreferrer", title: address }, el("bdi", {}, shown));
}

/** Placeholders while images are loading. @param {number} n */
export function skeleton(n) {
  const shapes = [1.5, 0.8, 1.3, 1, 1.7, 0.75, 1.4, 1.2];
  return el(
    "ul",
    { class: "grid", "aria-hidden": "true" },
    ...Array.from({ length: n }, (_, i) =>
      el(
        "li",
        { class: "card", vars: { "--ratio": shapes[i % shapes.length] } },
        el("span", { class: "picture loading", vars: { "--ratio": shapes[i % shapes.length] } }),
        el("span", { class: "key ghost" }),
      ),
    ),
  );
}

/**
 * Makes the cards in this element a single stop of the Tab key; arrow keys go from card to card by position.
 * @param {HTMLElement} element
 */
export function walkByArrows(element) {
  const cards = () => /** @type {HTMLElement[]} */ ([...element.querySelectorAll("li.card:not([hidden])")]);
  const stops = (/** @type {HTMLElement} */ card) => /** @type {HTMLElement[]} */ ([...card.querySelectorAll("button, a")]);

  /** @param {HTMLElement|undefined} current */
  const settle = (current) => {
    for (const card of cards()) for (const stop of stops(card)) stop.tabIndex = card === current ? 0 : -1;
  };
  new MutationObserver(() => {
    const all = cards();
    settle(all.find((card) => card.contains(document.activeElement)) ?? all[0]);
  }).observe(element, { childList: true, subtree: true, attributeFilter: ["hidden"] });

  element.addEventListener("focusin", ({ target }) => {
    const focused = /** @type {HTMLElement} */ (target).closest("li.card");
    if (focused) settle(/** @type {HTMLElement} */ (focused));
  });
  element.addEventListener("keydown", (event) => {
    const from = /** @type {HTMLElement} */ (event.target).closest("li.card");
    const isText = /** @type {HTMLElement} */ (event.target).matches("input, select, textarea");
    if (!from || isText || event.altKey || event.ctrlKey || event.metaKey) return;
    const there = neighbour(cards(), /** @type {HTMLElement} */ (from), event.key);
    if (!there) return;
    event.preventDefault();
    there.querySelector("button")?.focus();
    there.scrollIntoView({ block: "nearest" });
  });
}

/** @param {HTMLElement[]} all @param {HTMLElement} from @param {string} key */
function neighbour(all, from, key) {
  const at = all.indexOf(from);
  if (key === "ArrowRight") return all[at + 1];
  if (key === "ArrowLeft") return all[at - 1];
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
  const box = (/** @type {HTMLElement} */ card) => card.getBoundingClientRect();
  const { top, left, width } = box(from);
  const beyond = all.filter((card) => (key === "ArrowDown" ? box(card).top > top + 1 : box(card).top < top - 1));
  const tops = beyond.map((card) => box(card).top);
  const row = key === "ArrowDown" ? Math.min(...tops) : Math.max(...tops);
  const off = (/** @type {HTMLElement} */ card) => Math.abs(box(card).left + box(card).width / 2 - left - width / 2);
  return beyond.filter((card) => Math.abs(box(card).top - row) < 2).sort((a, b) => off(a) - off(b))[0];
}
