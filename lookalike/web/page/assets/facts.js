/** What the page knows of the index: asked for once, and again when it was changed. */

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

/** Who keeps answers of the index forgets them. @param {() => void} watcher */
export const onIndexChanged = (watcher) => void watchers.add(watcher);

/** To be called after adding and deleting. */
export function indexChanged() {
  known = null;
  for (const watcher of watchers) watcher();
}

/** A service without tokens lets everybody who reaches it do everything. @param {any} stats @param {string} scope */
export const may = (stats, scope) => stats.caller?.scopes?.includes(scope) ?? true;

/** What each family is good at; by the beginning of its name, since a hash's size may follow. */
const STRENGTHS = {
  haar: "Colours and coarse shapes. The best first choice: copies that were resized, recompressed or recoloured.",
  goldberg: "Where it gets lighter or darker. Copies with a caption, slightly cropped, or turned into negatives.",
  dhash_vertical: "Steps of brightness from top to bottom, in few bits. Quick in very large collections.",
  dhash: "Steps of brightness from left to right, in few bits. Quick in very large collections; bears captions.",
  phash: "The coarse pattern of light and dark, in few bits. Quick; bears recompression and blur.",
  ahash: "Which parts are brighter than the rest. Quick and crude: expect look-alikes that are none.",
  whash: "The coarse pattern of light and dark, by wavelets. Close to phash, and more forgiving.",
  pdq: "A fine pattern in 256 bits. Strict, and sure of itself where a picture has enough detail.",
};

/** @param {string} family */
export function strength(family) {
  const name = Object.keys(STRENGTHS).find((start) => family.startsWith(start));
  return name ? STRENGTHS[/** @type {keyof STRENGTHS} */ (name)] : "Another kind of signature.";
}
