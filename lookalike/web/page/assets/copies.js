/** A group of duplicates: the best and its copies in a row, with what differs and a mark on each. */

import { button, el, icon } from "./dom.js";
import { bytes, count, joined, pixels, score, shortTime, split, turning } from "./format.js";
import { ratio, thumbnail } from "./pictures.js";
import * as tiers from "./tiers.js";

/** @typedef {import("./reviews.js").Card} Card @typedef {import("./reviews.js").Group} Group @typedef {import("./reviews.js").Mark} Mark */

/** Copies of a group that are drawn at a time: a group can have thousands. */
const AT_ONCE = 7;

/**
 * @typedef {{onopen: (offset: number, card: Card) => void, onmark: (cards: Card[], mark: Mark) => void,
 *   ondecide: (group: Group, cards: Card[], decision: "different"|null) => void, mayMark: boolean}} Told
 */

/** @param {Group} group @param {number} offset its place in the list @param {Told} told */
export function groupRow(group, offset, told) {
  const [head, ...copies] = group.images;
  /** @type {ReturnType<typeof copyCard>[]} */
  let cards = [];
  let from = 0;
  const list = el("ul", { class: "strip" });
  const range = el("span", { class: "quiet figure" });
  const back = turner("back", "Earlier copies", () => turn(-AT_ONCE));
  const next = turner("next", "Further copies", () => turn(AT_ONCE));
  const heading = el("h2", {});
  const none = button("These are not duplicates", () => told.ondecide(group, group.images, decided() ? null : "different"), { class: "button slight" });
  const element = el(
    "section",
    { class: "group", "aria-label": `Group of ${head.key}` },
    el(
      "header",
      {},
      heading,
      tiers.badge(group.tier),
      copies.length > AT_ONCE && el("span", { class: "pager" }, back, range, next),
      told.mayMark && none,
    ),
    list,
  );
  const decided = () => copies.every(({ decision }) => decision === "different");

  /** @param {number} step */
  function turn(step) {
    from = Math.max(0, Math.min(from + step, Math.floor((copies.length - 1) / AT_ONCE) * AT_ONCE));
    fillStrip();
  }

  function fillStrip() {
    cards = [head, ...copies.slice(from, from + AT_ONCE)].map((card) => copyCard(group, card, head, offset, told));
    list.replaceChildren(...cards.map((card) => card.element));
    range.textContent = `${from + 1} to ${Math.min(from + AT_ONCE, copies.length)} of ${count(copies.length, "copy", "copies")}`;
    back.disabled = from === 0;
    next.disabled = from + AT_ONCE >= copies.length;
  }

  function draw() {
    const going = group.images.filter(({ mark }) => mark === "remove").length;
    heading.textContent = joined(
      ", ",
      count(group.images.length, "image"),
      going === group.images.length ? "all marked: one is kept all the same" : going ? `${going} marked` : "",
    );
    none.textContent = decided() ? "Not duplicates. Take it back" : "These are not duplicates";
    element.classList.toggle("decided", decided());
    for (const card of cards) card.draw();
  }
  fillStrip();
  draw();
  return { element, draw };
}

/** @param {"back"|"next"} sign @param {string} label @param {() => void} onclick */
const turner = (sign, label, onclick) =>
  el("button", { type: "button", class: "small", "aria-label": label, title: label, onclick }, icon(sign));

/** @param {Group} group @param {Card} card @param {Card} head @param {number} offset @param {Told} told */
function copyCard(group, card, head, offset, told) {
  const isHead = card === head;
  const compared = isHead ? group.images[1] : card;
  const [keep, remove] = [
    marker("keep", "check", "Keep", card, told),
    marker("remove", "close", "Remove", card, told),
  ];
  const decide = button("", () => told.ondecide(group, [head, card], card.decision ? null : "different"), { class: "plain" });
  const element = el(
    "li",
    { class: isHead ? "card copy head" : "card copy", vars: { "--ratio": ratio(card), "--wide": `${card.width || 1e4}px` }, "data-key": card.key },
    el(
      "button",
      {
        type: "button",
        class: "open",
        "aria-label": isHead ? `${card.key}, the best of its group: compare` : `Compare ${card.key} with ${head.key}`,
        onclick: () => told.onopen(offset, compared),
      },
      thumbnail(card),
      turning(card.orientation) && el("span", { class: "tag" }, turning(card.orientation)),
    ),
    el("span", { class: "lead" }, ...lead(card, isHead)),
    ...factLines(card),
    told.mayMark && el("span", { class: "marks", role: "group", "aria-label": `Mark of ${card.key}` }, keep, remove),
    told.mayMark && !isHead && group.images.length > 2 && decide,
  );
  function draw() {
    element.classList.toggle("going", card.mark === "remove");
    element.classList.toggle("kept", card.mark === "keep");
    element.classList.toggle("different", card.decision === "different");
    for (const [button, mark] of /** @type {[HTMLElement, Mark][]} */ ([[keep, "keep"], [remove, "remove"]])) {
      button.setAttribute("aria-pressed", String(card.mark === mark));
    }
    decide.textContent = card.decision ? "Not a duplicate. Take it back" : "Not a duplicate";
  }
  draw();
  return { element, draw };
}

/** @param {Card} card @param {boolean} isHead @returns {any[]} */
function lead(card, isHead) {
  if (isHead) return [el("strong", {}, "best"), card.protected && el("span", { class: "quiet" }, "protected")].filter(Boolean);
  return [
    card.tier && tiers.badge(card.tier),
    card.tier !== "identical" && card.score !== null && el("span", { class: "figure quiet" }, score(card.score)),
    card.protected && el("span", { class: "quiet" }, "protected"),
  ].filter(Boolean);
}

/** A button that sets a mark, or takes it away. @param {"keep"|"remove"} mark @param {string} sign @param {string} word @param {Card} card @param {Told} told */
const marker = (mark, sign, word, card, told) =>
  el(
    "button",
    {
      type: "button",
      class: mark,
      "aria-label": `${word} ${card.key}`,
      onclick: () => told.onmark([card], card.mark === mark ? null : mark),
    },
    icon(sign),
    word,
  );

/** @type {Record<string, (card: Card) => string>} */
const FACTS = {
  pixels: (card) => pixels(card) || "size unknown",
  bytes: (card) => (card.bytes === null ? "no file" : bytes(card.bytes)),
  format: (card) => card.format ?? "",
  taken: (card) => (card.taken ?? card.modified ? shortTime(/** @type {string} */ (card.taken ?? card.modified)) : "no date"),
  exif: (card) => (card.has_exif === null ? "" : card.has_exif ? "EXIF" : "no EXIF"),
};

/** What is known of an image in four lines; what differs from the best is highlighted. @param {Card} card */
function factLines(card) {
  const [, name] = split(card.key);
  const fact = (/** @type {string} */ fact) => {
    const text = FACTS[fact](card);
    return text && el("span", { class: looks(card, fact), title: card.differs.includes(fact) ? "differs from the best" : "" }, text);
  };
  return [
    el("bdi", { class: `name ${looks(card, "name")}`, title: card.key }, name),
    el("bdi", { class: `folder ${looks(card, "folder")}`, title: card.folder }, card.folder || "no folder"),
    el("span", { class: "facts" }, fact("pixels"), fact("bytes"), fact("exif")),
    el("span", { class: "facts" }, fact("format"), fact("taken")),
  ];
}

/** Classes that say how a fact compares with that of the best. @param {Card} card @param {string} fact */
export const looks = ({ differs, better }, fact) => joined(" ", differs.includes(fact) && "differs", better.includes(fact) && "better");
