/** How sure a hit is, in words and in colours. */

import { el, icon } from "./dom.js";

/** A match is certain or likely. @type {Record<string, string>} */
const WORDS = { certain: "certain copy", likely: "likely copy", match: "match", weak: "weak likeness", none: "no match" };

/** @typedef {{confidence: string|null}} Sure */

/** @param {Sure} hit */
export const inWords = ({ confidence }) => WORDS[confidence ?? "none"];

/** @param {string} word of WORDS */
export const badgeOf = (word) => el("span", { class: `badge ${word}` }, word === "certain" && icon("check"), WORDS[word]);

/** @param {Sure} hit */
export const badge = ({ confidence }) => badgeOf(confidence ?? "none");

/** `1 certain and 2 likely copies`. @param {Sure[]} hits */
export function counted(hits) {
  const [certain, likely] = ["certain", "likely"].map((word) => hits.filter(({ confidence }) => confidence === word).length);
  if (!certain && !likely) return "No copy found";
  const numbers = [certain && `${certain} certain`, likely && `${likely} likely`].filter(Boolean).join(" and ");
  return `${numbers} ${certain + likely === 1 ? "copy" : "copies"}`;
}

/** Whether a hit is as sure as "certain", "match", or anything. @param {Sure & {is_match: boolean}} hit @param {string} least */
export const isAsSure = (hit, least) => !least || (least === "certain" ? hit.confidence === least : hit.is_match);

/** `crops`, `crops and pdq`, `crops, pdq and haar`. @param {string[]} names */
export const listed = (names) => [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");
