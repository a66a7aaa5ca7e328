/** Details of one image, and scores of two. */

import { announce, button, el, icon } from "./dom.js";
import { distance, metadata, pixels, time } from "./format.js";
import { scoreBar } from "./grid.js";

/** @param {string} text @param {string} what the name of the text @param {any} [label] @param {string} [kind] classes */
export function copyButton(text, what, label = "Copy", kind = "button slight") {
  const element = button([icon("copy"), label], copy, { class: kind, "aria-label": `Copy ${what}` });
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      element.lastChild.replaceWith("Copied");
      announce(`${what} copied`);
    } catch {
      // a page without https may not copy; people can select the text
      element.lastChild.replaceWith("Not allowed here");
    }
  }
  return element;
}

/** @param {import("./api.js").Image} image */
export function factList(image) {
  const rows = [
    ["Size", pixels(image)],
    ["Added", time(image.added)],
    ...Object.entries(image.meta).map(([name, value]) => [name, metadata(value)]),
    ...(image.source?.path ? [["File", String(image.source.path)]] : []),
  ];
  return el(
    "dl",
    { class: "list" },
    ...rows.map(([name, value]) => el("div", {}, el("dt", {}, el("bdi", {}, name)), el("dd", {}, el("bdi", {}, value)))),
    el("div", {}, el("dt", {}, "SHA-256"), el("dd", { class: "code", title: image.sha256 ?? "" }, image.sha256 ?? "unknown")),
  );
}

/** @param {Record<string, string>} signatures */
export const signatureList = (signatures) =>
  el(
    "details",
    { class: "signatures" },
    el("summary", {}, "Signatures"),
    ...Object.entries(signatures).map(([family, text]) =>
      el(
        "div",
        {},
        el("div", { class: "row" }, el("strong", {}, family), copyButton(text, `the ${family} signature`)),
        el("p", { class: "code" }, text),
      ),
    ),
  );

/**
 * The scores of two pictures by each family.
 * @param {import("./api.js").Score[]} scores @param {import("./api.js").Family[]} families
 */
export const scoreTable = (scores, families) =>
  el(
    "table",
    { class: "scores" },
    el("caption", {}, "Scores"),
    el(
      "tbody",
      {},
      ...scores.map((score) =>
        el(
          "tr",
          { class: score.is_match ? "match" : "" },
          el("th", { scope: "row" }, score.family),
          el("td", {}, scoreBar(score.score, score.is_match)),
          el("td", { class: "quiet" }, distance(score.distance, families.find(({ name }) => name === score.family)?.unit)),
          el("td", {}, score.is_match ? "match" : el("span", { class: "quiet" }, "no match")),
        ),
      ),
    ),
  );
