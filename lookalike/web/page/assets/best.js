/** "Mark all but the best": by which rules the best of a group is chosen, and in which tiers. */

import { button, el, fill, icon } from "./dom.js";
import { ALL, inWord } from "./tiers.js";

/** @type {Record<string, string>} */
const RULES = {
  colour: "in colour rather than grey",
  pixels: "most pixels",
  bytes: "largest file",
  format: "least compressed format",
  oldest: "oldest (date taken, then date of the file)",
  exif: "with camera data (EXIF)",
  "no-exif": "without camera data (EXIF)",
  path: "shortest path",
};

/** The rules that were used last stay for the next visit. */
const STORED = "lookalike.best";

/** @typedef {import("./reviews.js").Rules} Rules */

/**
 * The form, folded behind the button that it belongs to.
 * @param {{onmark: (rules: Rules) => Promise<any>, onchange: () => void}} told
 */
export function bestForm({ onmark, onchange }) {
  /** @type {string[]} */
  let order = [];
  const tiers = new Map(ALL.map((tier) => [tier, el("input", { type: "checkbox", value: tier })]));
  const list = el("ol", { class: "rules", "aria-label": "Rules, the first decides" });
  const more = el("select", { "aria-label": "Add a rule", onchange: () => (order.push(more.value), draw()) });
  const prefer = folders("prefer", "Prefer images in these folders", "masters/");
  const protect = folders("protect", "Never mark images in these folders", "originals/");
  const act = button("Mark all but the best", mark, { class: "button primary" });
  const said = el("p", { class: "quiet", role: "status" });
  const element = el(
    "details",
    { class: "best", ontoggle: onchange },
    el("summary", {}, el("span", { class: "button" }, "Mark all but the best…")),
    el(
      "form",
      { "aria-label": "Mark all but the best", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
      el(
        "fieldset",
        { class: "row-of" },
        el("legend", {}, "Mark copies that are"),
        ...ALL.map((tier) => el("label", { class: "toggle" }, tiers.get(tier), el("span", {}, inWord(tier)))),
      ),
      el("div", { class: "field" }, el("strong", {}, "The best of a group is, in this order"), list, more),
      el("div", { class: "field" }, el("label", { htmlFor: "prefer" }, prefer.label), prefer.input),
      el("div", { class: "field" }, el("label", { htmlFor: "protect" }, protect.label), protect.input),
      el("div", { class: "buttons" }, act, said),
    ),
  );

  /** @returns {Rules} */
  const rules = () => ({
    tiers: ALL.filter((tier) => tiers.get(tier).checked && !tiers.get(tier).disabled),
    keep: order,
    prefer: prefer.value(),
    protect: protect.value(),
  });

  async function mark() {
    localStorage.setItem(STORED, JSON.stringify({ keep: order, prefer: prefer.value(), protect: protect.value() }));
    act.disabled = true;
    try {
      const text = await onmark(rules());
      said.textContent = text;
      // what was marked is below
      if (text) element.open = false;
    } finally {
      act.disabled = false;
    }
  }

  /** @param {number} at @param {number} step */
  function move(at, step) {
    const [rule] = order.splice(at, 1);
    order.splice(at + step, 0, rule);
    draw();
    const row = list.children[at + step];
    /** @type {HTMLElement} */ (row.querySelector(`.${step < 0 ? "up" : "down"}:enabled`) ?? row.querySelector("button:enabled")).focus();
  }

  function draw() {
    fill(
      list,
      ...order.map((rule, at) =>
        el(
          "li",
          {},
          el("span", {}, RULES[rule]),
          small("up", "back", `Earlier: ${RULES[rule]}`, () => move(at, -1), at === 0),
          small("down", "next", `Later: ${RULES[rule]}`, () => move(at, 1), at === order.length - 1),
          small("out", "close", `Without: ${RULES[rule]}`, () => (order.splice(at, 1), draw()), order.length === 1),
        ),
      ),
    );
    const left = Object.keys(RULES).filter((rule) => !order.includes(rule));
    more.hidden = !left.length;
    fill(more, el("option", { value: "" }, "Add a rule…"), ...left.map((rule) => el("option", { value: rule }, RULES[rule])));
    onchange();
  }

  /** @param {import("./reviews.js").Review} review */
  function show(review) {
    const there = review.tiers.map(({ tier }) => tier);
    for (const [tier, input] of tiers) {
      input.disabled = !there.includes(tier);
      if (!order.length) input.checked = review.default.tiers.includes(tier);
    }
    if (order.length) return;
    const stored = remembered();
    order = stored?.keep ?? review.default.keep.filter((rule) => rule in RULES);
    prefer.input.value = (stored?.prefer ?? []).join("\n");
    protect.input.value = (stored?.protect ?? []).join("\n");
    draw();
  }
  return { element, show, rules };
}

/** @returns {Rules|null} */
function remembered() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? "");
    return stored.keep.length && stored.keep.every((/** @type {string} */ rule) => rule in RULES) ? stored : null;
  } catch {
    return null;
  }
}

/** @param {string} kind @param {string} sign @param {string} label @param {() => void} onclick @param {boolean} disabled */
const small = (kind, sign, label, onclick, disabled) =>
  el("button", { type: "button", class: `small ${kind}`, "aria-label": label, title: label, onclick, disabled }, icon(sign));

/** Folders, one in a line. @param {string} id @param {string} label @param {string} example */
function folders(id, label, example) {
  const input = el("textarea", { id, rows: 2, spellcheck: "false", placeholder: example });
  const value = () => input.value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean);
  return { label, input, value };
}
