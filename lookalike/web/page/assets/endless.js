/** A list of thousands of rows of one height, of which only those near the window are in the document. */

import { el, setVars } from "./dom.js";

/** Rows in a request. */
const PAGE = 50;
/** Pages that are remembered: the oldest go first. */
const KEPT = 60;
/** Requests at once: who drags the scroll bar passes hundreds of pages that nobody looks at. */
const AT_ONCE = 2;
/** Rows beyond each edge of the window. */
const BEYOND = 2;
/** Rows that are built in a frame: the others wait for the next one, so that scrolling never waits for them. */
const BUILT = 1;

/**
 * @template Item
 * @typedef {{element: HTMLElement, draw: () => void}} Row `draw` shows what has changed in its item
 */

/**
 * @template Item
 * @param {{load: (offset: number, limit: number) => Promise<{total: number, items: Item[]}>,
 *   build: (item: Item, offset: number) => Row<Item>, label: string,
 *   onloaded: (total: number) => void, onerror: (error: any) => void}} how
 *   The height of a row is `--row` of the list, in pixels.
 */
export function endless({ load, build, label, onloaded, onerror }) {
  const element = el("ol", { class: "endless", "aria-label": label, role: "list" });
  /** @type {Map<number, Item[]>} */
  const pages = new Map();
  /** @type {Set<number>} */
  const asked = new Set();
  /** By offset. An empty row waits for its item. @type {Map<number, {slot: HTMLElement, row: Row<Item>|null, isStale: boolean}>} */
  const rows = new Map();
  let total = 0;
  let generation = 0;
  let frame = 0;

  const height = () => parseFloat(getComputedStyle(element).getPropertyValue("--row")) || 300;
  const soon = () => void (frame ||= requestAnimationFrame(() => draw()));
  addEventListener("scroll", soon, { passive: true });
  addEventListener("resize", soon);

  /** @param {number} offset @returns {Item|undefined} */
  const item = (offset) => pages.get(Math.floor(offset / PAGE))?.[offset % PAGE];

  /** @param {number} page @returns {Promise<"failed"|void>} */
  async function fetchPage(page) {
    if (pages.has(page) || asked.has(page) || asked.size >= AT_ONCE) return undefined;
    const mine = generation;
    asked.add(page);
    try {
      const found = await load(page * PAGE, PAGE);
      if (mine !== generation) return undefined;
      pages.set(page, found.items);
      if (pages.size > KEPT) pages.delete(pages.keys().next().value);
      if (found.total !== total) {
        total = found.total;
        setVars(element, { "--rows": total });
      }
      onloaded(total);
    } catch (error) {
      if (mine === generation) onerror(error);
      return "failed";
    } finally {
      if (mine === generation) asked.delete(page);
    }
    soon();
    return undefined;
  }

  /** @param {number} [wanted] a row that has to be there afterwards */
  function draw(wanted = -1) {
    frame = 0;
    if (!element.isConnected || !element.checkVisibility()) return;
    const each = height();
    const above = -element.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / each) - BEYOND);
    const last = Math.min(total - 1, Math.ceil((above + innerHeight) / each) + BEYOND);
    for (const [offset, { slot }] of rows) {
      // what has the focus stays, or the keyboard would be lost
      if ((offset < first || offset > last) && (offset >= total || !slot.contains(document.activeElement))) {
        slot.remove();
        rows.delete(offset);
      }
    }
    let built = 0;
    for (let offset = first; offset <= last; offset += 1) {
      const known = item(offset);
      let shown = rows.get(offset);
      if (!shown) {
        const slot = el("li", { class: "slot", vars: { "--top": `${offset * each}px` }, "aria-posinset": offset + 1, "aria-setsize": total });
        shown = { slot, row: null, isStale: true };
        rows.set(offset, shown);
        place(offset, slot);
      }
      if (!known) fetchPage(Math.floor(offset / PAGE));
      else if (shown.isStale && (built < BUILT || offset === wanted)) {
        const hadFocus = shown.slot.contains(document.activeElement);
        shown.row = build(known, offset);
        shown.slot.replaceChildren(shown.row.element);
        shown.isStale = false;
        if (hadFocus) shown.slot.querySelector("button")?.focus({ preventScroll: true });
        built += 1;
      } else if (shown.isStale) soon();
    }
  }

  /** Puts a row where its order in the document is that on the screen. @param {number} offset @param {HTMLElement} slot */
  function place(offset, slot) {
    const after = [...rows.keys()].filter((other) => other > offset).sort((a, b) => a - b)[0];
    element.insertBefore(slot, after === undefined ? null : (rows.get(after)?.slot ?? null));
  }

  return {
    element,
    item,
    total: () => total,
    /** Shows the changes of items. */
    redraw: () => rows.forEach(({ row }) => row?.draw()),
    /** Draws what came into view otherwise than by scrolling. */
    soon,
    /** Asks for all items anew; rows stay until theirs is there. @param {{isOther?: boolean}} [how] `isOther`: another list */
    async reload({ isOther = false } = {}) {
      generation += 1;
      pages.clear();
      asked.clear();
      if (isOther) {
        for (const { slot } of rows.values()) slot.remove();
        rows.clear();
        total = 0;
        setVars(element, { "--rows": 0 });
      }
      for (const row of rows.values()) row.isStale = true;
      const offset = Math.max(0, Math.floor(-element.getBoundingClientRect().top / height()));
      // an answer past the end tells the new total
      await fetchPage(isOther ? 0 : Math.floor(offset / PAGE));
    },
    /** The item there, which is fetched if need be. @param {number} offset @returns {Promise<Item|undefined>} */
    async need(offset) {
      const [page, mine] = [Math.floor(offset / PAGE), generation];
      while (!pages.has(page) && mine === generation && (total === 0 || offset < total)) {
        if ((await fetchPage(page)) === "failed") return undefined;
        // others are under way: there is room for this one soon
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      return item(offset);
    },
    /** Scrolls until this row can be seen, and gives its element. @param {number} offset @returns {HTMLElement|null} */
    reveal(offset) {
      const each = height();
      const { top } = element.getBoundingClientRect();
      const from = scrollY + top + offset * each;
      const under = document.querySelector("header.top")?.getBoundingClientRect().height ?? 0;
      if (from < scrollY + under) scrollTo(0, from - under - 12);
      else if (from + each > scrollY + innerHeight) scrollTo(0, Math.min(from - under - 12, from + each - innerHeight + 90));
      draw(offset);
      return rows.get(offset)?.slot ?? null;
    },
  };
}
