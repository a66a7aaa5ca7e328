/** One image of the index, with all its details. */

import * as api from "./api.js";
import { factList, signatureList } from "./details.js";
import { confirmed, dialog } from "./dialogs.js";
import { announce, button, el, fill, icon } from "./dom.js";
import { facts, indexChanged, may } from "./facts.js";
import { whole } from "./pictures.js";
import { inWords, problemBox } from "./problems.js";
import { closeOver, to } from "./router.js";

/** @type {ReturnType<typeof dialog>|null} */
let made = null;
let shown = "";

/** @param {string} key @param {() => void} onremoved */
export async function openImage(key, onremoved) {
  made ??= dialog("single", "Image", () => {
    shown = "";
    closeOver("image");
  });
  const { element, body, open } = made;
  if (shown === key) return;
  shown = key;
  fill(body, el("div", { class: "picture loading", vars: { "--ratio": 1.4 } }));
  open();
  try {
    const [image, stats] = await Promise.all([api.image(key), facts()]);
    if (shown !== key) return;
    const frame = el("div", { class: "frame", vars: { "--ratio": image.width / image.height || 1 } });
    const deleting = button([icon("trash"), "Delete"], () => remove(image), { class: "button danger" });
    fill(
      body,
      el("div", { class: "columns" }, frame, side(image, may(stats, "write") ? deleting : null)),
    );
    announce(`Details of ${key}`);
    const picture = await whole(image).catch((error) => el("p", { class: "empty" }, inWords(error)));
    if (picture instanceof HTMLImageElement) picture.alt = key;
    fill(frame, picture);
  } catch (error) {
    if (shown === key) fill(body, problemBox(error));
  }

  /** @param {api.Image} image */
  async function remove(image) {
    const isSure = await confirmed({
      title: "Delete this image?",
      text: `${image.key} will no longer be found. It is deleted from the index only; the file it was added from is not touched.`,
      action: "Delete",
    });
    if (!isSure) return;
    try {
      await api.remove(image.key);
      indexChanged();
      onremoved();
      element.close();
      announce(`${image.key} deleted`);
    } catch (error) {
      body.prepend(problemBox(error));
    }
  }
}

export const closeImage = () => made?.element.close();

/** @param {api.Image & {signatures: Record<string, string>}} image @param {HTMLElement|null} deleting */
const side = (image, deleting) =>
  el(
    "div",
    { class: "side" },
    el("h2", {}, el("bdi", {}, image.key)),
    factList(image),
    signatureList(image.signatures),
    el(
      "div",
      { class: "buttons" },
      el("a", { class: "button primary", href: to("search", { key: image.key }) }, icon("similar"), "Find similar"),
      deleting,
    ),
  );
