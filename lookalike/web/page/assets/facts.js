/** Facts of the index and the server: requested once, and again after a change of the index. */

import * as api from "./api.js";

/** @type {Promise<any>|null} */
let answer = null;
/** @type {Set<() => void>} */
const watchers = new Set();

/** `GET /v1/stats`. @param {{again?: boolean}} [how] @returns {Promise<any>} */
export function facts({ again = false } = {}) {
  if (again || !answer) {
    answer = api.stats();
    answer.catch(() => (answer = null));
  }
  return answer;
}

/** Registers a function that forgets answers of the index. @param {() => void} watcher */
export const onIndexChanged = (watcher) => void watchers.add(watcher);

/** Call this after adding and deleting. */
export function indexChanged() {
  answer = null;
  for (const watcher of watchers) watcher();
}

/** Whether the caller has a scope; without tokens everybody has all. @param {any} stats @param {string} scope */
export const may = (stats, scope) => stats.caller?.scopes?.includes(scope) ?? true;

/** What each family looks at, and its strength, by the beginning of its name, which a hash's size may follow. @type {Record<string, [string, string]>} */
const FAMILIES = {
  haar: ["Colours and coarse shapes", "Finds copies that were resized, recompressed or recoloured."],
  goldberg: ["Lighter and darker places", "Finds copies with a caption, slightly cropped, or as negatives."],
  dhash_vertical: ["Steps of brightness, top to bottom", "Quick in very large collections."],
  dhash: ["Steps of brightness, left to right", "Quick in very large collections; tolerates captions."],
  phash: ["Coarse pattern of light and dark", "Quick; tolerates recompression and blur."],
  ahash: ["Parts brighter than the rest", "Quick and crude: expect false matches."],
  whash: ["Pattern of light and dark, by wavelets", "Similar to phash, but more tolerant."],
  pdq: ["Fine pattern", "Strict, and reliable where a picture has enough detail."],
  crops: ["Details and how they lie", "Finds copies that were cropped, framed, turned, or put into another picture, and shows where."],
};

/** @param {string} family */
const known = (family) => Object.entries(FAMILIES).find(([start]) => family.startsWith(start))?.[1];

/** What it looks at, in people's words; its own name where there are none. @param {string} family */
export const inPeoplesWords = (family) => known(family)?.[0] ?? family;

/** @param {string} family */
export const strength = (family) => known(family)?.[1] ?? "A custom family.";
