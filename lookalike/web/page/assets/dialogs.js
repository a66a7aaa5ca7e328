/** What lies over the page until it is closed: with Esc, beside it, or by its buttons. */

import * as api from "./api.js";
import { button, el, fill, icon } from "./dom.js";

/**
 * @param {string} kind a class
 * @param {string} label for those who cannot see it
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
    // what is inside covers the dialog, so only its backdrop is hit as the dialog itself
    if (event.target === element) element.close();
  });
  document.body.append(element);
  const open = () => void (element.open || element.showModal());
  return { element, body, open };
}

/**
 * A question that has to be answered before anything is deleted.
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

/** Asks for a token, which is kept as long as the tab is open. @param {any} problem @returns {Promise<boolean>} */
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
      el("h2", {}, unknown ? "That token is not known here" : "This server wants a token"),
      el("p", { class: "quiet" }, "Whoever runs it can give you one. It is kept until this tab is closed, and sent to this server only."),
      el(
        "form",
        { onsubmit: submit },
        el("label", { htmlFor: "token" }, "Token"),
        input,
        el(
          "div",
          { class: "buttons" },
          button("Not now", () => element.close()),
          el("button", { type: "submit", class: "button primary" }, "Go on"),
        ),
      ),
    );
    open();
  });
}
