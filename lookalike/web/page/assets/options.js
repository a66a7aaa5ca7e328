/** Options of a search: family, minimum score, orientations. */

import { el, setVars } from "./dom.js";
import { strength } from "./facts.js";

export const LIMITS = [10, 30, 100, 300];

/**
 * @typedef {{family: string, min: number, turned: boolean, negatives: boolean, limit: number}} Options
 */

/** The options in an address. @param {URLSearchParams} params @param {import("./api.js").Family[]} families @returns {Options} */
export function optionsOf(params, families) {
  const family = families.find(({ name }) => name === params.get("family")) ?? families[0];
  const limit = Number(params.get("limit"));
  return {
    family: family.name,
    min: Math.max(0, Math.min(100, Number(params.get("min")) || 0)),
    turned: params.has("turned"),
    negatives: params.has("negatives") && family.negatives,
    limit: LIMITS.includes(limit) ? limit : 30,
  };
}

/**
 * The choice of a family, with a sentence on the strength of each.
 * @param {import("./api.js").Family[]} families @param {(name: string) => void} onchange
 */
export function familyChoice(families, onchange) {
  const inputs = families.map(({ name }) =>
    el("input", { type: "radio", name: "family", value: name, onchange: () => onchange(name) }),
  );
  const element = el(
    "fieldset",
    { class: "families" },
    el("legend", {}, "Compare by"),
    ...inputs.map((input) =>
      el("label", {}, input, el("span", { class: "name" }, input.value), el("span", { class: "quiet" }, strength(input.value))),
    ),
  );
  /** @param {string} family */
  const show = (family) => {
    for (const input of inputs) input.checked = input.value === family;
  };
  return { element, show };
}

/**
 * A slider for the minimum score, with a notch at the family's score for a match.
 * @param {{oninput?: (value: number) => void, onchange: (value: number) => void}} how
 */
export function minScore({ oninput, onchange }) {
  const output = el("output", { class: "figure" });
  const hint = el("p", { class: "quiet" });
  const input = el("input", { type: "range", min: "0", max: "100", step: "1", "aria-label": "Minimum score" });
  const slider = el("span", { class: "slider" }, input);
  const draw = () => {
    output.textContent = input.value;
    setVars(slider, { "--share": Number(input.value) / 100 });
  };
  input.addEventListener("input", () => {
    draw();
    oninput?.(Number(input.value));
  });
  input.addEventListener("change", () => onchange(Number(input.value)));
  /** @param {number} value @param {number} match */
  const show = (value, match) => {
    input.value = String(Math.round(value));
    setVars(slider, { "--match": match / 100 });
    hint.textContent = `From ${Math.round(match)} on (the notch), two images usually show the same picture.`;
    draw();
  };
  const element = el("div", { class: "least" }, el("div", { class: "row" }, el("span", {}, "Minimum score"), output), slider, hint);
  return { element, show };
}

/** A checkbox with a hint. @param {string} label @param {string} hint @param {(on: boolean) => void} onchange */
export function toggle(label, hint, onchange) {
  const input = el("input", { type: "checkbox", onchange: () => onchange(input.checked) });
  const element = el("label", { class: "toggle" }, input, el("span", {}, label, el("span", { class: "quiet" }, hint)));
  return { element, input };
}

/** @param {string} label @param {[string, string][]} choices value and text @param {(value: string) => void} onchange */
export function select(label, choices, onchange) {
  const input = el(
    "select",
    { onchange: () => onchange(input.value) },
    ...choices.map(([value, text]) => el("option", { value }, text)),
  );
  return { element: el("label", { class: "row" }, el("span", {}, label), input), input };
}

/**
 * All options of a search. The minimum score filters the hits that are there; the others start a new search.
 * @param {import("./api.js").Family[]} families
 * @param {{onfilter: (min: number) => void, onchange: (changes: Record<string, any>, quietly: boolean) => void}} told
 */
export function searchOptions(families, { onfilter, onchange }) {
  const family = familyChoice(families, (name) => onchange({ family: name }, false));
  const least = minScore({ oninput: onfilter, onchange: (min) => onchange({ min: min || null }, true) });
  const turned = toggle("Also turned and mirrored", "Searches for all eight orientations of the picture.", (on) =>
    onchange({ turned: on }, false),
  );
  const negatives = toggle("Also negatives", "Searches for the picture with inverted brightness.", (on) =>
    onchange({ negatives: on }, false),
  );
  const limit = select("Show up to", LIMITS.map((n) => [String(n), `${n} images`]), (n) => onchange({ limit: n }, false));
  /** @param {Options} options */
  const show = (options) => {
    const chosen = /** @type {import("./api.js").Family} */ (families.find(({ name }) => name === options.family));
    family.show(options.family);
    least.show(options.min, chosen.match_score);
    turned.input.checked = options.turned;
    negatives.input.checked = options.negatives;
    negatives.element.hidden = !chosen.negatives;
    limit.input.value = String(options.limit);
  };
  const element = optionsForm(
    least.element,
    family.element,
    el("div", { class: "toggles" }, turned.element, negatives.element),
    limit.element,
  );
  return { element, show };
}

const isNarrow = matchMedia("(max-width: 960px)");

/** Options in a column of their own, or folded where there is no room for one. @param {...Node} children */
export function optionsForm(...children) {
  const element = el(
    "details",
    { class: "options" },
    el("summary", {}, "Options"),
    el("form", { "aria-label": "Options", onsubmit: (/** @type {Event} */ event) => event.preventDefault() }, ...children),
  );
  const fit = () => (element.open = !isNarrow.matches);
  isNarrow.addEventListener("change", fit);
  fit();
  return element;
}
