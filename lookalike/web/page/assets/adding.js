/** Adding a picture: in a request, or where it is too large for one, at an address of its own. */

import * as api from "./api.js";
import { facts } from "./facts.js";
import { bytes } from "./format.js";

/** How long to wait before each look for a picture that was put elsewhere: about a minute in all. */
const LOOKS_MS = [0, 250, 500, 1000, 2000, ...Array(14).fill(4000)];

/** How many bytes a picture may have that is added. @param {any} limits of the server */
export const mostAdded = (limits) => Math.max(Math.min(limits.bytes, limits.body), limits.upload);

/**
 * @param {string} key @param {File} file
 * @param {{keep: boolean, onprogress: (share: number) => void}} how `keep`: leave alone what has this key already
 * @returns {Promise<(api.Image & {replaced: boolean})|null>} null where it was sent, and is not in the index yet
 */
export async function add(key, file, { keep, onprogress }) {
  const { limits } = await facts();
  const most = mostAdded(limits);
  if (file.size > most) {
    const detail = `it has ${bytes(file.size)}; this server takes up to ${bytes(most)}`;
    throw new api.Problem({ status: 413, code: "picture-too-large-bytes", detail });
  }
  if (file.size <= limits.body) return api.put(key, file, { keep, onprogress });
  const before = await api.find(key);
  if (keep && before) throw new api.Problem({ status: 412, code: "key-exists", detail: "there is an image of this key" });
  const added = await api.putThere(await api.offer(key, file.size), file, onprogress);
  if (added) return added;
  onprogress(1);
  const image = await indexed(key, file);
  return image && { ...image, replaced: before !== null };
}

/** What the index has under this key once it is this file; null where that takes too long. @param {string} key @param {File} file */
async function indexed(key, file) {
  const sha256 = await digest(file);
  if (!sha256) return null;
  for (const wait of LOOKS_MS) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const image = await api.find(key);
    if (image?.sha256 === sha256) return image;
  }
  return null;
}

/** SHA-256 in hex; null where the page came neither over https nor from this machine. @param {File} file */
async function digest(file) {
  if (!crypto.subtle) return null;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
