/** Building blocks of the page. Text from a server becomes text here, never markup. */

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open", "tabIndex", "htmlFor", "max", "min"]);

/**
 * An element with attributes and children.
 *
 * `onclick` and the like are listeners. `vars` sets custom properties of CSS, because the page's Content-Security-Policy
 * forbids style attributes. false and null leave an attribute out, true makes it empty.
 * @param {string} name
 * @param {Record<string, any>} [attributes]
 * @param {...(Node|string|null|false|undefined)} children
 * @returns {any}
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "vars") setVars(element, value);
    else if (PROPERTIES.has(key)) element[key] = value;
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** @param {HTMLElement} element @param {Record<string, string|number>} vars */
export function setVars(element, vars) {
  for (const [name, value] of Object.entries(vars)) element.style.setProperty(name, String(value));
}

/** Replaces all children. @param {Element} element @param {...any} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child != null && child !== false));
}

/** Paths drawn with lines of 1.6 px in a box of 20 by 20. @type {Record<string, string>} */
const ICONS = {
  upload: "M10 13V4m0 0L6.5 7.5M10 4l3.5 3.5M4 13v2.5h12V13",
  close: "M5 5l10 10M15 5L5 15",
  back: "M12 5l-5 5 5 5",
  next: "M8 5l5 5-5 5",
  similar: "M4 4h8v8H4zM8 14v2h8V8h-2",
  trash: "M4 6h12M8 6V4h4v2m-6.5 0l.7 10h7.6l.7-10",
  copy: "M7 7h9v9H7zM4 13V4h9",
  download: "M10 4v8m0 0l-3.5-3.5M10 12l3.5-3.5M4 13v3h12v-3",
  open: "M11 4h5v5m0-5l-7 7M8 5H4v11h11v-4",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
};

/** An element of SVG. @param {string} name @param {Record<string, string>} attributes @param {...Node} children */
export function drawn(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** @param {keyof ICONS} name */
export const icon = (name) =>
  drawn("svg", { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true" }, drawn("path", { d: ICONS[name] }));

/** A button. @param {any} label @param {() => void} onclick @param {Record<string, any>} [attributes] */
export function button(label, onclick, attributes = {}) {
  return el("button", { type: "button", class: "button", onclick, ...attributes }, ...[label].flat());
}

/** Tells screen readers this. @param {string} text */
export function announce(text) {
  const region = document.getElementById("status");
  if (region) region.textContent = text;
}
