/** Marks that are saved as soon as they are set, and what they sum up to. */

import * as reviews from "./reviews.js";

/**
 * @param {{onchange: () => void, onsaved: () => void, onerror: (error: any) => void}} told
 *   `onchange`: a mark looks different now; `onsaved`: the server has all of them
 */
export function marking({ onchange, onsaved, onerror }) {
  /** What has to be sent, and the marks that the server has. @type {Map<string, {card: reviews.Card, before: reviews.Mark}>} */
  let waiting = new Map();
  /** @type {Promise<void>|null} */
  let saving = null;
  /** @type {reviews.Marked} */
  let sums = { remove: 0, keep: 0, bytes: 0 };

  /** @param {reviews.Card} card @param {reviews.Mark} mark */
  function change(card, mark) {
    count(card, -1);
    card.mark = mark;
    count(card, 1);
  }

  /** @param {reviews.Card} card @param {number} by */
  function count({ mark, bytes }, by) {
    if (mark) sums[mark] += by;
    if (mark === "remove") sums.bytes += by * (bytes ?? 0);
  }

  /** Sends what waits, one request at a time, so that the last mark of an image is the one that stays. */
  async function save() {
    while (waiting.size) {
      const sent = waiting;
      waiting = new Map();
      try {
        await reviews.mark([...sent.values()].map(({ card }) => ({ key: card.key, mark: card.mark })));
      } catch (error) {
        for (const { card, before } of sent.values()) if (!waiting.has(card.key)) change(card, before);
        onchange();
        onerror(error);
      }
    }
    saving = null;
    onsaved();
  }

  return {
    sums: () => sums,
    /** @param {reviews.Marked} known */
    know: (known) => void (sums = { ...known }),
    isSaving: () => saving !== null,
    /** @param {reviews.Card[]} cards @param {reviews.Mark} mark */
    set(cards, mark) {
      for (const card of cards) {
        if (card.mark === mark) continue;
        waiting.set(card.key, { card, before: waiting.get(card.key)?.before ?? card.mark });
        change(card, mark);
      }
      onchange();
      if (waiting.size) saving ??= save();
    },
  };
}
