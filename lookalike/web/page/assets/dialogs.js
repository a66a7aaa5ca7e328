/** Dialogs, which lie over the page until closed: with Esc, by a click beside them, or by their buttons. */

import * as api from "./api.js";
import { button, el, fill, icon } from "./dom.js";

/**
 * @param {string} kind a class
 * @param {string} label for screen readers
 * @param {() => void} [onclose]
 */
export function dialog(kind, label, onclose = () => {}) {
  const body = el("div", { class: "body" });
  const close = el(
    "button",
    { type: "button", class: "round close", "aria-label": "Close", title: "Close (Esc)", onclick: () => element.close() },
    icon("close"),
  );
  const element = el("dialog", { class: kind, "aria-label": label, onclose }, close, body);
  element.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    // the content covers the dialog, so a click on the dialog itself is on its backdrop
    if (event.target === element) element.close();
  });
  document.body.append(element);
  const open = () => void (element.open || element.showModal());
  return { element, body, open };
}

/**
 * A question that must be confirmed before anything is deleted.
 * @param {{title: string, text: string, action: string}} what
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action }) {
  return new Promise((resolve) => {
    const { element, body, open } = dialog("small", title, () => {
      element.remove();
      resolve(element.returnValue === "yes");
    });
    fill(
      body,
      el("h2", {}, title),
      el("p", {}, text),
      el(
        "div",
        { class: "buttons" },
        button("Cancel", () => element.close(), { autofocus: true }),
        button(action, () => element.close("yes"), { class: "button danger" }),
      ),
    );
    open();
  });
}

/** Asks for a token, which is kept while the tab is open. @param {any} problem @returns {Promise<boolean>} */
export function tokenAsked(problem) {
  return new Promise((resolve) => {
    const { element, body, open } = dialog("small", "Token", () => {
      element.remove();
      resolve(element.returnValue === "given");
    });
    const input = el("input", { type: "password", id: "token", autocomplete: "off", required: true, autofocus: true });
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      api.setToken(input.value.trim());
      element.close("given");
    };
    const unknown = problem.code === "token-unknown";
    fill(
      body,
      el("h2", {}, unknown ? "This server does not know that token" : "This server needs a token"),
      el("p", { class: "quiet" }, "Ask the operator of this server for one. It is kept until you close this tab, and sent to this server only."),
      el(
        "form",
        { onsubmit: submit },
        el("label", { htmlFor: "token" }, "Token"),
        input,
        el(
          "div",
          { class: "buttons" },
          button("Not now", () => element.close()),
          el("button", { type: "submit", class: "button primary" }, "Continue"),
        ),
      ),
    );
    open();
  });
}
