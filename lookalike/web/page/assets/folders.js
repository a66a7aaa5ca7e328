/** The folders that duplicates are looked for in. */

import { el } from "./dom.js";
import { HELP } from "./groupkeys.js";
import { change } from "./router.js";

/** Fields for them, folded where nobody asks for them. */
export function folderFields() {
  const field = (/** @type {string} */ name, /** @type {string} */ label) => {
    const input = el("input", { type: "text", id: `of-${name}`, spellcheck: "false", autocomplete: "off", onchange: () => change({ [name]: input.value }) });
    return { input, element: el("div", { class: "field" }, el("label", { htmlFor: `of-${name}` }, label), input) };
  };
  const prefix = field("prefix", "Only images whose key begins with");
  const against = field("against", "Which of them are there also in");
  const element = el("details", { class: "best" }, el("summary", {}, el("span", { class: "button" }, "Folders…")), el("form", { onsubmit: (/** @type {Event} */ event) => event.preventDefault() }, prefix.element, against.element, el("p", { class: "quiet" }, HELP)));
  /** @param {URLSearchParams} params */
  const show = (params) => {
    prefix.input.value = params.get("prefix") ?? "";
    against.input.value = params.get("against") ?? "";
  };
  return { element, show };
}
