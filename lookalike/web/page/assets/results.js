/** The hits of a question: likely copies, and less similar images. */

import { announce, button, el } from "./dom.js";
import { count, number } from "./format.js";
import { card } from "./grid.js";
import { openOver, to } from "./router.js";

/**
 * @param {import("./api.js").Answer} answer
 * @param {import("./api.js").Family} family
 * @param {import("./questions.js").Question} question
 * @param {{again: () => void, alsoTurned: (() => void)|null}} told `again` repeats the search; `alsoTurned`
 *   also searches for turned and mirrored copies, and is null where that was done
 */
export function resultList(answer, family, question, { again, alsoTurned }) {
  const isMatch = (/** @type {{score: number}} */ { score }) => score >= family.match_score;
  const items = answer.hits.map((hit) => ({
    hit,
    element: card(hit, {
      label: `Compare with ${hit.key}, score ${hit.score.toFixed(1)}`,
      onopen: () => openOver({ compare: hit.key }),
      unit: family.unit,
      isMatch: isMatch(hit),
      similar: to("search", { key: hit.key, family: family.name }),
    }),
  }));
  const copies = section("Likely copies", false, items.filter(({ hit }) => isMatch(hit)));
  const rest = section("Less similar", true, items.filter(({ hit }) => !isMatch(hit)));
  const nothing = el("p", { class: "empty" });
  const advice =
    alsoTurned && el("p", { class: "advice" }, "A copy may be turned or mirrored. ", button("Search for those too", alsoTurned));
  const summary = el("h1", { class: "summary" });
  const compared = answer.searched - (question.kind === "key" ? 1 : 0);
  const cost = el(
    "p",
    { class: "quiet" },
    `${count(compared, "image")} compared by ${answer.family} in ${answer.took_ms < 10 ? answer.took_ms.toFixed(1) : number(Math.round(answer.took_ms))} ms`,
  );

  let announced = "";
  /** Shows hits with this score or more. @param {number} min */
  function filter(min) {
    for (const { hit, element } of items) element.hidden = hit.score < min;
    const likely = copies.refresh();
    const others = rest.refresh();
    summary.textContent = (likely ? count(likely, "likely copy", "likely copies") : "No likely copy") + (answer.partial ? " so far" : "");
    nothing.hidden = likely + others > 0;
    if (advice) advice.hidden = likely > 0;
    nothing.textContent =
      items.length === 0 ? "There are no other images to compare with." : `Nothing scores ${min} or more. The best is ${items[0].hit.score.toFixed(1)}.`;
    const message = `${summary.textContent}, ${count(likely + others, "image")} shown`;
    if (message !== announced) announce(message);
    announced = message;
  }
  filter(0);
  const notes = [answer.partial && partialNote(answer, again), question.note && el("p", { class: "note" }, question.note)];
  const element = el("div", {}, el("header", {}, summary, cost, ...notes, advice), copies.element, rest.element, nothing);
  return { element, answer, filter, visible: () => items.filter((item) => !item.element.hidden).map(({ hit }) => hit) };
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
  const element = el("section", {}, isTitled && el("h2", {}, title), el("ul", { class: "grid", "aria-label": title }, ...items.map((item) => item.element)));
  /** @returns {number} the visible items */
  const refresh = () => {
    const seen = items.filter((item) => !item.element.hidden).length;
    element.hidden = seen === 0;
    return seen;
  };
  return { element, refresh };
}
