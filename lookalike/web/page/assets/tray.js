/** What is marked in all groups, and what can be done with it. */

import { announce, button, el, fill, icon } from "./dom.js";
import { bytes, number } from "./format.js";
import { download, listed } from "./lists.js";
import { goingKeys } from "./reviews.js";

/** @param {{onclear: () => void, onclean: () => void, onerror: (error: any) => void}} told */
export function markedTray({ onclear, onclean, onerror }) {
  const element = el("div", { class: "tray", role: "region", "aria-label": "Marked for removal", hidden: true });

  /** @param {import("./reviews.js").Review} review @param {import("./reviews.js").Marked} marked @param {boolean} mayMark */
  function show({ id, files: { allowed, reason } }, marked, mayMark) {
    element.hidden = marked.remove === 0;
    if (!marked.remove) return;
    fill(
      element,
      el(
        "p",
        {},
        el("strong", {}, `${number(marked.remove)} marked, ${bytes(marked.bytes)}`),
        allowed
          ? el("span", { class: "quiet" }, "In all groups. Nothing is touched yet.")
          : el("span", { class: "reason" }, `Files are not touched from here: ${reason ?? "the server was started so"}.`),
      ),
      el(
        "div",
        { class: "buttons" },
        mayMark && button("Clear marks", onclear),
        button([icon("download"), el("span", {}, "Download", el("span", { class: "word" }, " the list"))], () => save(id), { "aria-label": "Download the list" }),
        allowed && button("Clean up…", onclean, { class: "button primary" }),
      ),
    );
  }

  /** @param {string} id of the review */
  async function save(id) {
    try {
      const { text, name, command } = listed(await goingKeys(id));
      download(text, name);
      announce(`Saved. ${command}`);
    } catch (error) {
      onerror(error);
    }
  }
  return { element, show };
}
