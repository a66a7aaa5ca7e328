/** Adding a picture: in a request, or, where it is too large for one, at an address for uploads. */

import * as api from "./api.js";
import { facts } from "./facts.js";
import { bytes } from "./format.js";

/** Waits before each check for a picture that was put elsewhere: about a minute in all. */
const WAITS_MS = [0, 250, 500, 1000, 2000, ...Array(14).fill(4000)];

/** The largest picture that can be added, in bytes. @param {any} limits of the server */
export const maxAdded = (limits) => Math.max(Math.min(limits.bytes, limits.body), limits.upload);

/**
 * @param {string} key @param {File} file
 * @param {{keep: boolean, onprogress: (share: number) => void}} how `keep`: do not replace an image with this key
 * @returns {Promise<(api.Image & {replaced: boolean})|null>} null where the picture was sent but is not in the index yet
 */
export async function add(key, file, { keep, onprogress }) {
  const { limits } = await facts();
  const maxBytes = maxAdded(limits);
  if (file.size > maxBytes) {
    const detail = `it has ${bytes(file.size)}; the limit here is ${bytes(maxBytes)}`;
    throw new api.Problem({ status: 413, code: "picture-too-large-bytes", detail });
  }
  if (file.size <= limits.body) return api.put(key, file, { keep, onprogress });
  const before = await api.find(key);
  if (keep && before) throw new api.Problem({ status: 412, code: "key-exists", detail: "the key exists already" });
  const added = await api.putThere(await api.offer(key, file.size), file, onprogress);
  if (added) return added;
  onprogress(1);
  const image = await indexed(key, file);
  return image && { ...image, replaced: before !== null };
}

/** Waits until the image of this key is this file; null where that takes too long. @param {string} key @param {File} file */
async function indexed(key, file) {
  const sha256 = await digest(file);
  if (!sha256) return null;
  for (const wait of WAITS_MS) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const image = await api.find(key);
    if (image?.sha256 === sha256) return image;
  }
  return null;
}

/** SHA-256 in hex; null where browsers do not offer it: on pages without https from other machines. @param {File} file */
async function digest(file) {
  if (!crypto.subtle) return null;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
