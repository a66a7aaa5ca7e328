/** The three tiers of duplicates in words, and the choice among them. */

import { button, el, fill } from "./dom.js";
import { bytes, count } from "./format.js";

/** @typedef {import("./reviews.js").Tier} Tier */

/** @type {Record<Tier, {one: string, many: string, hint: string}>} */
const WORDS = {
  identical: { one: "identical file", many: "Identical files", hint: "The same bytes, under another name." },
  same: { one: "same picture", many: "Same picture", hint: "Resized, saved anew or grey. Confirmed on the pixels of both." },
  alike: { one: "looks alike", many: "Looks alike", hint: "Can be another picture, such as the next of a series. Look at each." },
};

export const ALL = /** @type {Tier[]} */ (Object.keys(WORDS));

/** @param {Tier} tier */
export const inWord = (tier) => WORDS[tier].one;

/** @param {Tier} tier */
export const badge = (tier) => el("span", { class: `badge tier ${tier}` }, WORDS[tier].one);

/**
 * Buttons that show all groups, or those of a tier.
 * @param {{onshow: (tier: Tier|"") => void, onalso: (on: boolean) => void}} told `onalso`: also look for what looks alike
 */
export function tierChoice({ onshow, onalso }) {
  const element = el("div", { class: "tiers", role: "group", "aria-label": "Kind of duplicates" });

  /** @param {import("./reviews.js").Review} review @param {Tier|""} chosen */
  function show(review, chosen) {
    const found = new Map(review.tiers.map((tier) => [tier.tier, tier]));
    const chip = (/** @type {Tier|""} */ tier, /** @type {string} */ name, /** @type {string} */ hint, /** @type {any} */ of) =>
      button(
        [el("strong", {}, name), el("span", { class: "figure" }, `${count(of.copies, "copy", "copies")}, ${bytes(of.bytes)}`)],
        () => onshow(tier),
        { class: `button kind ${tier}`, title: hint, "aria-pressed": String(chosen === tier) },
      );
    fill(
      element,
      chip("", "All", "Groups of every kind.", review),
      ...ALL.map((tier) => {
        const of = found.get(tier);
        if (of) return chip(tier, WORDS[tier].many, WORDS[tier].hint, of);
        if (tier !== "alike") return null;
        return button([el("strong", {}, WORDS[tier].many), el("span", {}, "not looked for")], () => onalso(true), {
          class: "button kind off",
          title: WORDS[tier].hint,
          "aria-label": "Also look for what looks alike",
        });
      }),
      found.has("alike") && button("Leave out what looks alike", () => onalso(false), { class: "button slight" }),
    );
  }
  return { element, show };
}
