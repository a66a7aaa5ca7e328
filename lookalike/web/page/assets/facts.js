/** Facts of the index and the server: requested once, and again after a change of the index. */

import * as api from "./api.js";

/** @type {Promise<any>|null} */
let known = null;
/** @type {Set<() => void>} */
const watchers = new Set();

/** `GET /v1/stats`. @param {{again?: boolean}} [how] @returns {Promise<any>} */
export function facts({ again = false } = {}) {
  if (again || !known) {
    known = api.stats();
    known.catch(() => (known = null));
  }
  return known;
}

/** Registers a function that forgets answers of the index. @param {() => void} watcher */
export const onIndexChanged = (watcher) => void watchers.add(watcher);

/** Call this after adding and deleting. */
export function indexChanged() {
  known = null;
  for (const watcher of watchers) watcher();
}

/** Whether the caller has a scope; without tokens everybody has all. @param {any} stats @param {string} scope */
export const may = (stats, scope) => stats.caller?.scopes?.includes(scope) ?? true;

/** The strength of each family, by the beginning of its name, which a hash's size may follow. */
const STRENGTHS = {
  haar: "Colours and coarse shapes. Finds copies that were resized, recompressed or recoloured.",
  goldberg: "Where the picture gets lighter or darker. Finds copies with a caption, slightly cropped, or as negatives.",
  dhash_vertical: "Steps of brightness from top to bottom, in few bits. Quick in very large collections.",
  dhash: "Steps of brightness from left to right, in few bits. Quick in very large collections; tolerates captions.",
  phash: "The coarse pattern of light and dark, in few bits. Quick; tolerates recompression and blur.",
  ahash: "Which parts are brighter than the rest. Quick and crude: expect false matches.",
  whash: "The coarse pattern of light and dark, by wavelets. Similar to phash, but more tolerant.",
  pdq: "A fine pattern in 256 bits. Strict, and reliable where a picture has enough detail.",
  crops: "Details and how they lie. Finds copies that were cropped, framed, turned, or put into another picture, and shows where.",
};

/** @param {string} family */
export function strength(family) {
  const name = Object.keys(STRENGTHS).find((start) => family.startsWith(start));
  return name ? STRENGTHS[/** @type {keyof STRENGTHS} */ (name)] : "A custom family.";
}
