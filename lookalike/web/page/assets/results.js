/** The hits of a question: copies, and below a line what is less alike. */

import * as confidence from "./confidence.js";
import { announce, button, el } from "./dom.js";
import { count, joined, number, score } from "./format.js";
import { card } from "./grid.js";
import { AUTO } from "./options.js";
import * as overlap from "./overlap.js";
import { openOver, to } from "./router.js";

/**
 * @param {import("./api.js").Answer} answer
 * @param {import("./api.js").Family[]} families of the index
 * @param {import("./questions.js").Question} question
 * @param {{again: () => void, alsoTurned: (() => void)|null, thoroughly: () => void}} told `again` repeats the search;
 *   `alsoTurned` also searches for turned and mirrored copies, and is null where that was done; `thoroughly` asks what
 *   was left out
 */
export function resultList(answer, families, question, { again, alsoTurned, thoroughly }) {
  const isAuto = answer.family === AUTO;
  const unasked = (answer.not_asked ?? []).filter(({ whole }) => whole).map(({ family }) => family);
  const askedNames = families.map(({ name }) => name).filter((name) => !unasked.includes(name));
  const items = answer.hits.map((hit) => {
    const common = hit.overlap && overlap.isNotable(hit.overlap) ? overlap.inWords(hit.overlap, question, hit) : "";
    const element = card(hit, {
      label: joined(
        ", ",
        `Compare with ${hit.key}`,
        confidence.inWords(hit),
        hit.reason && `because ${hit.reason}`,
        `score ${hit.score.toFixed(1)} by ${hit.family}`,
        common && `your picture ${common}`,
      ),
      onopen: () => openOver({ compare: hit.key }),
      lead: el("span", { class: "score" }, confidence.badge(hit), el("span", { class: "figure" }, score(hit.score))),
      family: isAuto ? hit.family : "",
      unit: families.find(({ name }) => name === hit.family)?.unit,
      common: joined(", ", hit.reason, common),
      similar: to("search", { key: hit.key, family: isAuto ? null : answer.family }),
    });
    return { hit, element };
  });
  const copies = section("Copies", false, items.filter(({ hit }) => hit.is_match));
  const rest = section("No match below, only less alike", true, items.filter(({ hit }) => !hit.is_match));
  const nothing = el("p", { class: "empty" });
  const unmatched = answer.hits[0]?.is_match ? null : answer.hits[0]?.reason;
  const advice =
    alsoTurned && el("p", { class: "advice" }, "A copy may be turned or mirrored. ", button("Search for those too", alsoTurned));
  const summary = el("h1", { class: "summary" });
  const compared = answer.searched - (question.kind === "key" ? 1 : 0);
  const cost = el(
    "p",
    { class: "quiet" },
    `${count(compared, "image")} compared by ${!isAuto ? answer.family : unasked.length ? confidence.listed(askedNames) : "all families"} in ${answer.took_ms < 10 ? answer.took_ms.toFixed(1) : number(Math.round(answer.took_ms))} ms`,
  );

  let announced = "";
  /** Shows hits that are as sure as this, and have this score or more. @param {{min: number, sure: string}} wanted */
  function filter({ min, sure }) {
    for (const { hit, element } of items) element.hidden = hit.score < min || !confidence.isAsSure(hit, sure);
    const shown = items.filter(({ element }) => !element.hidden).map(({ hit }) => hit);
    copies.refresh();
    rest.refresh();
    summary.textContent = confidence.counted(shown) + (answer.partial ? " so far" : "");
    nothing.hidden = shown.length > 0;
    if (advice) advice.hidden = shown.some((hit) => hit.is_match);
    nothing.textContent = unfound(items[0]?.hit, min);
    const message = `${summary.textContent}, ${count(shown.length, "image")} shown`;
    if (message !== announced) announce(message);
    announced = message;
  }
  filter({ min: 0, sure: "" });
  const notes = [
    answer.partial && partialNote(answer, again),
    question.note && el("p", { class: "note" }, question.note),
    unmatched && el("p", { class: "note" }, `The best is no match, because ${unmatched}.`),
    answer.not_asked && leftOut(answer.not_asked, thoroughly),
  ];
  const element = el("div", {}, el("header", {}, summary, cost, ...notes, advice), copies.element, rest.element, nothing);
  return { element, answer, filter, visible: () => items.filter((item) => !item.element.hidden).map(({ hit }) => hit) };
}

/** @param {import("./api.js").Hit|undefined} best @param {number} min */
function unfound(best, min) {
  if (!best) return "There are no other images to compare with.";
  if (!min) return `Nothing is that sure. The best is ${confidence.inWords(best)}.`;
  return `Nothing scores ${min} or more. The best is ${best.score.toFixed(1)}.`;
}

/** What the search left out, and a button to ask for it. @param {import("./api.js").NotAsked[]} parts @param {() => void} thoroughly */
function leftOut(parts, thoroughly) {
  const named = (/** @type {string} */ reason, whole = [true, false]) =>
    confidence.listed(parts.filter((part) => part.reason === reason && whole.includes(part.whole)).map(({ family }) => family));
  const [unasked, halfAsked, cold] = [named("certain", [true]), named("certain", [false]), named("cold")];
  const certain = joined("; ", unasked, halfAsked && `${halfAsked} for small parts`);
  return el(
    "p",
    { class: "quiet left-out" },
    certain && `Not asked, as something certain was found: ${certain}. `,
    cold && `To ask ${cold} here would take long. `,
    button("Ask all the same", thoroughly, { class: "button slight" }),
  );
}

/** A note on a partial answer, and a button to repeat the search. @param {import("./api.js").Answer} answer @param {() => void} again */
const partialNote = ({ missing = [] }, again) =>
  el(
    "div",
    { class: "note partial" },
    el(
      "p",
      {},
      el("strong", {}, "Not all images were compared. "),
      `${count(missing.length, "part")} of the index did not answer in time, so there may be better hits.`,
    ),
    button("Ask again", again),
  );

/** @param {string} title @param {boolean} isTitled whether the title is visible @param {{element: HTMLElement}[]} items */
function section(title, isTitled, items) {
  const element = el("section", {}, isTitled && el("h2", { class: "from-here" }, title), el("ul", { class: "grid", "aria-label": title }, ...items.map((item) => item.element)));
  const refresh = () => void (element.hidden = items.every((item) => item.element.hidden));
  return { element, refresh };
}
