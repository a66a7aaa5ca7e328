/** Keep and Remove below the two pictures of a comparison. */

import { announce, el, fill, icon } from "./dom.js";

/** @typedef {"keep"|"remove"} Kind */

/** @type {[Kind, string, string, string][]} */
const KINDS = [
  ["keep", "check", "Keep", "k"],
  ["remove", "close", "Remove", "r"],
];

/** @param {(card: any, mark: Kind) => void} onmark sets the mark, or takes it away where it is set */
export function markBar(onmark) {
  const element = el("div", { class: "markbar", hidden: true });
  /** @type {any[]} */
  let cards = [];

  function draw() {
    element.hidden = !cards.length;
    fill(
      element,
      ...cards.map((card, at) =>
        el(
          "span",
          { class: "marks", role: "group", "aria-label": `Mark of ${card.key}` },
          ...KINDS.map(([kind, sign, word, key]) =>
            el(
              "button",
              {
                type: "button",
                class: kind,
                "aria-label": `${word} ${card.key}`,
                "aria-pressed": String(card.mark === kind),
                title: at ? `${word} (${key})` : `${word} (Shift+${key})`,
                onclick: () => press(at, kind),
              },
              icon(sign),
              word,
            ),
          ),
        ),
      ),
    );
  }

  /** @param {number} at 0 for the picture on the left @param {Kind} kind */
  function press(at, kind) {
    const card = cards[at];
    if (!card) return;
    onmark(card, kind);
    announce(`${card.key}: ${{ keep: "kept", remove: "marked for removal" }[/** @type {string} */ (card.mark)] ?? "no mark"}`);
  }

  return {
    element,
    draw,
    press,
    /** @param {any[]} shown the cards of both pictures; none where nothing can be marked */
    show(shown) {
      cards = shown;
      draw();
    },
  };
}
