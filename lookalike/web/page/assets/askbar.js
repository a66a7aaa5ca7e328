/** The search bar: a field for an address, and a button for choosing files. */

import { announce, el, icon } from "./dom.js";
import { chooser, urlIn } from "./intake.js";

/** @param {{onurl: (url: string) => void, onfiles: (files: File[]) => void}} told */
export function askBar({ onurl, onfiles }) {
  const wrong = el("p", { class: "wrong", id: "ask-wrong", hidden: true });
  const input = el("input", {
    type: "text",
    inputmode: "url",
    id: "ask",
    placeholder: "https://…",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "Address of a picture",
    "aria-describedby": "ask-wrong",
    oninput: () => (wrong.hidden = true),
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const url = urlIn(input.value);
    if (url) {
      onurl(url);
      return;
    }
    wrong.textContent = input.value.trim()
      ? "That is not an address. It must begin with http:// or https://."
      : "Type the address of a picture here, or choose a file.";
    wrong.hidden = false;
    announce(wrong.textContent ?? "");
    input.focus();
  };
  const address = el(
    "form",
    { class: "address", onsubmit: submit },
    input,
    el("button", { type: "submit", class: "button" }, "Search"),
  );
  const element = el(
    "div",
    { class: "ask" },
    chooser([icon("upload"), el("span", { class: "word" }, "Choose a picture")], onfiles, { "aria-label": "Choose a picture" }),
    address,
    wrong,
  );
  /** Shows the address field only if the server fetches pictures. @param {boolean} urls */
  const allow = (urls) => (address.hidden = !urls);
  const focus = () => /** @type {HTMLElement} */ (address.hidden ? element.querySelector("button") : input).focus();
  return { element, input, allow, focus };
}
