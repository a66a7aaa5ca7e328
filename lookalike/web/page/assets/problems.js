/** Errors in plain words, shown where they happened. */

import { announce, button, el } from "./dom.js";

/** A sentence begins with a capital letter and ends with a full stop. @param {string} text */
function sentence(text) {
  const trimmed = text.trim();
  if (!trimmed) return "";
  return trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? "" : ".");
}

/** @param {any} error */
export const inWords = (error) => [sentence(error.detail ?? String(error)), sentence(error.help ?? "")].join(" ").trim();

/**
 * @param {any} error a Problem
 * @param {(() => void)|null} [retry]
 */
export function problemBox(error, retry = null) {
  announce(inWords(error));
  return el(
    "div",
    { class: "problem", role: "alert" },
    el("strong", {}, error.title || "Something went wrong"),
    el("p", {}, sentence(error.detail ?? String(error))),
    error.help && el("p", { class: "quiet" }, sentence(error.help)),
    retry && button("Try again", retry),
  );
}
