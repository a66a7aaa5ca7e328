/** The comparison: the question's picture and an image of the index. */

import * as api from "./api.js";
import * as confidence from "./confidence.js";
import { factList, factTable, scoreTable } from "./details.js";
import { markBar } from "./markbar.js";
import { dialog } from "./dialogs.js";
import { announce, el, fill, icon } from "./dom.js";
import { facts } from "./facts.js";
import { turning } from "./format.js";
import { keyLines } from "./grid.js";
import * as overlap from "./overlap.js";
import { asked, whole } from "./pictures.js";
import { inWords } from "./problems.js";
import { change, closeOver, to } from "./router.js";
import { stage } from "./stage.js";

/**
 * What can be done in the comparison of duplicates: `onmark` keeps or removes, `onbeyond` goes on to the group before or
 * after.
 * @typedef {{onmark?: ((card: any, mark: "keep"|"remove") => void)|null, onbeyond?: ((step: number) => void)|null}} How
 * @typedef {{element: HTMLDialogElement, show: (a: any, b: any, among: any[], how: How) => void}} Comparison
 */

/** Made when first needed. @type {Comparison|null} */
let made = null;

/**
 * @param {import("./questions.js").Question} question
 * @param {api.Image & {orientation?: string}} hit
 * @param {api.Image[]} among the images that the arrow keys and the buttons go through
 * @param {How} [how]
 */
export function openComparison(question, hit, among, how = {}) {
  made ??= comparison();
  made.show(question, hit, among, how);
}

/** Closes the comparison, when the address no longer names one. */
export const closeComparison = () => made?.element.close();

/** @returns {Comparison} */
function comparison() {
  const { element, body, open } = dialog("comparison", "Comparison", () => closeOver("compare", "group"));
  const heading = el("h2", {});
  const place = el("span", { class: "quiet figure" });
  const back = el("button", { type: "button", class: "round", "aria-label": "Previous result", onclick: () => move(-1) }, icon("back"));
  const next = el("button", { type: "button", class: "round", "aria-label": "Next result", onclick: () => move(1) }, icon("next"));
  const pictures = stage();
  const marked = markBar((card, mark) => {
    now.how.onmark?.(card, mark);
    marked.draw();
  });
  const side = el("div", { class: "side" });
  fill(body, el("header", {}, heading, place, back, next), el("div", { class: "columns" }, el("div", { class: "shown" }, pictures.element, marked.element), side));

  /** @type {{question: any, hit: any, among: any[], how: How}} */
  let now = { question: null, hit: null, among: [], how: {} };

  /** @param {number} step */
  function move(step) {
    const at = now.among.findIndex(({ key }) => key === now.hit.key);
    const there = now.among[at + step];
    if (there) change({ compare: there.key }, { quietly: true });
    else now.how.onbeyond?.(step);
  }
  element.addEventListener("keydown", (event) => {
    // sliders and radio buttons use the arrow keys themselves
    if (/** @type {HTMLElement} */ (event.target).matches("input[type=range], input[type=radio]") && event.key.startsWith("Arrow")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "ArrowRight") move(1);
    if (event.key === "ArrowUp") now.how.onbeyond?.(-1);
    if (event.key === "ArrowDown") now.how.onbeyond?.(1);
    if ("zZ+-".includes(event.key)) pictures.zoom(event.key.toLowerCase());
    const mark = /** @type {"keep"|"remove"|undefined} */ ({ k: "keep", r: "remove" }[event.key.toLowerCase()]);
    // with Shift, of the picture on the left
    if (mark) marked.press(event.shiftKey ? 0 : 1, mark);
  });

  /** @param {any} question @param {any} hit @param {any[]} among @param {How} how */
  function show(question, hit, among, how) {
    if (element.open && now.hit === hit && now.question.id === question.id) return;
    now = { question, hit, among, how };
    marked.show(how.onmark ? [question.image, hit] : []);
    const at = among.findIndex(({ key }) => key === hit.key);
    fill(heading, ...keyLines(hit.key));
    place.textContent = at < 0 ? "" : `${at + 1} of ${among.length}`;
    back.disabled = at <= 0 && !how.onbeyond;
    next.disabled = (at < 0 || at === among.length - 1) && !how.onbeyond;
    pictures.clear(el("div", { class: "picture loading", vars: { "--ratio": hit.width / hit.height || 1 } }));
    const judged = el("p", { class: "verdict" }, ...(hit.families ? verdict(hit) : []));
    const scores = el("div", { class: "scores ghost" });
    fill(side, judged, shownPart(question, hit), scores, ...described(question, hit));
    open();
    announce(`Comparing ${question.name} with ${hit.key}`);
    const isCurrent = () => now.hit === hit;
    Promise.all([asked(question), whole(hit)]).then(
      ([a, b]) =>
        isCurrent() &&
        pictures.show({ a, b, orientation: hit.orientation ?? "as is", names: [question.name, hit.key], overlap: hit.overlap }),
      (error) => isCurrent() && pictures.clear(el("p", { class: "empty" }, inWords(error))),
    );
    Promise.all([api.compare(question, { kind: "key", name: hit.key }), facts()]).then(
      ([found, { families }]) => {
        if (!isCurrent()) return;
        scores.replaceWith(scoreTable(found, families));
        if (!hit.families) fill(judged, ...verdictOf(found));
      },
      (error) => isCurrent() && scores.replaceWith(el("p", { class: "problem" }, inWords(error))),
    );
  }
  return { element, show };
}

/** How sure it is that both show the same, and by which families. @param {api.Hit} hit */
const verdict = (hit) => [confidence.badge(hit), hit.reason ? `because ${hit.reason}` : by(hit.families)];

/** The same of two images that no search brought together. @param {api.Score[]} scores */
function verdictOf(scores) {
  const matching = scores.filter(({ is_match }) => is_match);
  const reason = scores.find((score) => score.reason)?.reason;
  return [confidence.badgeOf(matching.length ? "match" : "none"), reason ? `because ${reason}` : by(matching)];
}

/** @param {{family: string}[]} matching */
const by = (matching) => (matching.length ? `by ${confidence.listed(matching.map(({ family }) => family))}` : "");

/** @param {any} question @param {api.Hit} hit */
const shownPart = (question, hit) =>
  hit.overlap &&
  el("p", { class: "common" }, `Your picture ${overlap.inWords(hit.overlap, question, hit)}. ${overlap.ofQuestion(hit.overlap)}`);

/** @param {any} question @param {any} hit */
function described(question, hit) {
  const turned = turning(hit.orientation);
  return [
    turned &&
      el("p", { class: "quiet" }, `Best match: ${turned}, with score ${hit.score.toFixed(1)}. The table compares the pictures without turning.`),
    question.sha256 &&
      question.sha256 === hit.sha256 &&
      el("p", { class: "note" }, "Exactly the same file."),
    question.image ? factTable(question.image, hit) : factList(hit),
    el(
      "div",
      { class: "buttons" },
      el("a", { class: "button", href: to("search", { key: hit.key }) }, icon("similar"), "Find similar"),
      el("a", { class: "button", href: to("browse", { image: hit.key }) }, "Details"),
    ),
  ];
}
