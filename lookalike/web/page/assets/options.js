/** Options of a search: family, what is shown of the hits, orientations. */

import { el, setVars } from "./dom.js";
import { inPeoplesWords, strength } from "./facts.js";

export const LIMITS = [10, 30, 100, 300];

/** Stands for all families of the index. */
export const AUTO = "auto";

const AUTOMATIC = "All of these together: each hit by the one that is surest of it.";

/** What is shown of hits that several families found, whose scores do not mean the same. @type {[string, string][]} */
const SURE = [
  ["", "everything"],
  ["match", "copies, certain or likely"],
  ["certain", "certain copies"],
];

/**
 * `min` is of a single family, `sure` of several; `thorough` also asks what a search leaves out where something certain
 * is found.
 * @typedef {{family: string, min: number, sure: string, turned: boolean, negatives: boolean, limit: number,
 *   thorough: boolean}} Options
 */

/** The options in an address. @param {URLSearchParams} params @param {import("./api.js").Family[]} families @returns {Options} */
export function optionsOf(params, families) {
  const only = families.length === 1 ? families[0] : null;
  const family = families.find(({ name }) => name === params.get("family")) ?? only;
  const limit = Number(params.get("limit"));
  const sure = params.get("sure") ?? "";
  return {
    family: family?.name ?? AUTO,
    min: family ? Math.max(0, Math.min(100, Number(params.get("min")) || 0)) : 0,
    sure: !family && SURE.some(([value]) => value === sure) ? sure : "",
    turned: params.has("turned"),
    negatives: params.has("negatives") && canFindNegatives(families, family?.name ?? AUTO),
    limit: LIMITS.includes(limit) ? limit : 30,
    thorough: params.has("thorough"),
  };
}

/** @param {import("./api.js").Family[]} families @param {string} chosen */
const canFindNegatives = (families, chosen) =>
  families.some(({ name, negatives }) => negatives && (chosen === AUTO || chosen === name));

/**
 * The choice of a family, with a sentence on the strength of each.
 * @param {string[]} names AUTO stands for all of them
 * @param {(name: string) => void} onchange
 */
export function familyChoice(names, onchange) {
  const inputs = names.map((name) => el("input", { type: "radio", name: "family", value: name, onchange: () => onchange(name) }));
  const described = (/** @type {string} */ name) => (name === AUTO ? ["Automatic", AUTOMATIC] : [inPeoplesWords(name), strength(name)]);
  const element = el(
    "fieldset",
    { class: "families" },
    el("legend", {}, "Compare by"),
    ...inputs.map((input) => {
      const [name, hint] = described(input.value);
      const small = input.value !== AUTO && el("small", { class: "code" }, input.value);
      return el("label", {}, input, el("span", { class: "name" }, name), el("span", { class: "quiet" }, hint, " ", small));
    }),
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
 * All options of a search. The minimum score, and how sure a hit has to be, filter the hits that are there; the others
 * start a new search.
 * @param {import("./api.js").Family[]} families
 * @param {{onfilter: (wanted: {min: number, sure: string}) => void,
 *   onchange: (changes: Record<string, any>, quietly: boolean) => void}} told
 */
export function searchOptions(families, { onfilter, onchange }) {
  const names = families.map(({ name }) => name);
  const family = familyChoice(names.length > 1 ? [AUTO, ...names] : names, (name) =>
    onchange({ family: name === AUTO ? null : name, min: null, sure: null, thorough: null }, false),
  );
  const least = minScore({
    oninput: (min) => onfilter({ min, sure: "" }),
    onchange: (min) => onchange({ min: min || null }, true),
  });
  const sure = select("Show", SURE, (wanted) => onchange({ sure: wanted }, true));
  const turned = toggle("Also turned and mirrored", "Searches for all eight orientations of the picture.", (on) =>
    onchange({ turned: on }, false),
  );
  const negatives = toggle("Also negatives", "Searches for the picture with inverted brightness.", (on) =>
    onchange({ negatives: on }, false),
  );
  const limit = select("Show up to", LIMITS.map((n) => [String(n), `${n} images`]), (n) => onchange({ limit: n }, false));
  /** @param {Options} options */
  const show = (options) => {
    const chosen = families.find(({ name }) => name === options.family);
    family.show(options.family);
    least.element.hidden = !chosen;
    if (chosen) least.show(options.min, chosen.match_score);
    sure.element.hidden = !!chosen;
    sure.input.value = options.sure;
    turned.input.checked = options.turned;
    negatives.input.checked = options.negatives;
    negatives.element.hidden = !canFindNegatives(families, options.family);
    limit.input.value = String(options.limit);
  };
  const element = optionsForm(
    least.element,
    sure.element,
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
