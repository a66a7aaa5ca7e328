/** The keyboard on the groups of duplicates: arrows and j move, k keeps, r removes, Enter compares. */

/** What the keys do, as people are told. */
export const HELP = "Keyboard: ↓ or j next group, ↑ or J previous, ← → images, k keep, r remove, Enter compare";

/**
 * @param {HTMLElement} view
 * @param {{total: () => number, item: (offset: number) => any, need: (offset: number) => Promise<any>,
 *   reveal: (offset: number) => HTMLElement|null}} list
 * @param {(key: string, offset: number, mark: "keep"|"remove") => void} onmark
 */
export function listenForGroups(view, list, onmark) {
  let current = -1;

  /** @param {number} offset */
  async function go(offset) {
    if (offset < 0 || offset >= list.total()) return;
    current = offset;
    await list.need(offset);
    // another key may have come meanwhile
    if (current === offset) focus(list.reveal(offset)?.querySelector("li.copy"));
  }

  view.addEventListener("focusin", (event) => {
    const offset = offsetOf(/** @type {Element} */ (event.target));
    if (offset >= 0) current = offset;
  });

  addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (view.hidden || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.matches("input, select, textarea")) return;
    const card = target.closest("li.copy");
    const step = { j: 1, J: -1, ArrowDown: card ? 1 : 0, ArrowUp: card ? -1 : 0 }[event.key];
    if (step) {
      event.preventDefault();
      go(card || current >= 0 ? current + step : 0);
    } else if (card && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      event.preventDefault();
      focus(event.key === "ArrowRight" ? card.nextElementSibling : card.previousElementSibling);
    } else if (card && (event.key === "k" || event.key === "r")) {
      onmark(/** @type {string} */ (card.getAttribute("data-key")), current, event.key === "k" ? "keep" : "remove");
    }
  });
}

/** The place of the group that this is in; -1 beside the list. @param {Element} inside */
const offsetOf = (inside) => Number(inside.closest(".slot")?.getAttribute("aria-posinset") ?? 0) - 1;

/** @param {Element|null|undefined} card */
function focus(card) {
  /** @type {HTMLElement|null|undefined} */ (card?.querySelector("button.open"))?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
