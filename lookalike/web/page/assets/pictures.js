/** Pictures of the index on the page: small ones in grids, whole ones in comparisons. */

import * as api from "./api.js";
import { el, setVars } from "./dom.js";
import { outline } from "./outline.js";
import { isPart } from "./overlap.js";

/** Object URLs of pictures that were fetched with a token; the oldest go first. @type {Map<string, Promise<string>>} */
const fetched = new Map();
const KEPT = 400;

/**
 * An address that an `<img>` can load: the picture's own, or that of a copy where a token has to be sent.
 * @param {string} url
 * @returns {string|Promise<string>}
 */
function loadable(url) {
  if (!api.token()) return url;
  let copy = fetched.get(url);
  if (!copy) {
    copy = api.fetchPicture(url).then((blob) => URL.createObjectURL(blob));
    copy.catch(() => fetched.delete(url));
    fetched.set(url, copy);
    if (fetched.size > KEPT) {
      const [oldest, gone] = fetched.entries().next().value;
      fetched.delete(oldest);
      gone.then(URL.revokeObjectURL, () => {});
    }
  }
  return copy;
}

/** Boxes to load when they come near the screen: fetch has no `loading=lazy`. @type {WeakMap<Element, () => void>} */
const waiting = new WeakMap();
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      nearby.unobserve(target);
      waiting.get(target)?.();
    }
  },
  { rootMargin: "600px" },
);

/** The shape of a picture's box, limited so that very wide and very tall ones fit in a row. @param {{width: number, height: number}} size */
export const ratio = ({ width, height }) => Math.min(2.4, Math.max(0.62, width && height ? width / height : 1));

/**
 * The thumbnail of an image in a box of its shape, so that nothing moves when it arrives.
 * @param {api.Image & {overlap?: import("./overlap.js").Overlap}} image the part that an overlap names is outlined
 */
export function thumbnail(image) {
  const picture = el("img", { alt: "", draggable: "false", loading: "lazy", decoding: "async" });
  const box = el("span", { class: "picture loading", vars: { "--ratio": ratio(image) } }, picture);
  // a small picture is shown with its own pixels, not blown up
  if (image.width && image.height) setVars(picture, { "--wide": `${image.width}px`, "--high": `${image.height}px` });
  if (image.overlap && isPart(image.overlap)) box.append(outline(image.overlap.stored, image));
  const missing = () => {
    box.classList.replace("loading", "missing");
    box.replaceChildren(el("span", {}, "no preview"));
  };
  picture.addEventListener("load", () => box.classList.remove("loading"));
  picture.addEventListener("error", missing);
  const source = api.thumbnailPath(image);
  if (!api.token()) {
    picture.src = source;
  } else {
    waiting.set(box, () => Promise.resolve(loadable(source)).then((url) => (picture.src = url), missing));
    nearby.observe(box);
  }
  return box;
}

/**
 * The first of these that can be shown: a file may be in a format that the browser cannot read.
 * @param {(string|null|undefined)[]} sources
 * @returns {Promise<HTMLImageElement>}
 */
async function firstShown(sources) {
  for (const source of sources) {
    if (!source) continue;
    try {
      const picture = new Image();
      picture.draggable = false;
      picture.src = source.startsWith("http") ? await loadable(source) : source;
      await picture.decode();
      return picture;
    } catch {
      // try the next one
    }
  }
  throw new api.Problem({ status: 0, code: "not-shown", detail: "no copy of this picture can be shown" });
}

/** The original where it is available, otherwise the thumbnail. @param {api.Image} image */
export const whole = (image) => firstShown([api.contentPath(image), api.thumbnailPath(image)]);

/** The picture of a question. @param {any} question */
export const asked = (question) =>
  question.image ? whole(question.image) : firstShown([question.src, question.preview]);
