/** Details of one image, and scores of two. */

import { announce, button, el, icon } from "./dom.js";
import { bytes, distance, metadata, pixels, split, time } from "./format.js";
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

/**
 * The facts of two images beside each other; what differs is highlighted. A search knows less than a review of duplicates.
 * @param {any} a @param {any} b
 */
export function factTable(a, b) {
  const known = (/** @type {any} */ value, /** @type {(value: any) => string} */ inWords = String) => (value == null ? "" : inWords(value));
  /** @type {[string, (image: any) => string][]} */
  const rows = [
    ["Name", ({ key }) => split(key)[1]],
    ["Folder", ({ key }) => split(key)[0]],
    ["Pixels", pixels],
    ["File", (image) => known(image.bytes, bytes)],
    ["Format", (image) => known(image.format)],
    ["Taken", (image) => known(image.taken, time)],
    ["Changed", (image) => known(image.modified, time)],
    ["EXIF", (image) => known(image.has_exif, (has) => (has ? "yes" : "no"))],
    ["Added", (image) => time(image.added)],
    ...[...new Set([...Object.keys(a.meta), ...Object.keys(b.meta)])].map(
      (name) => /** @type {[string, (image: any) => string]} */ ([name, ({ meta }) => known(meta[name], metadata)]),
    ),
    ["SHA-256", ({ sha256 }) => (sha256 ?? "").slice(0, 12)],
  ];
  return el(
    "table",
    { class: "scores facts-of-two" },
    el("caption", {}, "Facts"),
    el("thead", {}, el("tr", {}, el("td"), el("th", { scope: "col" }, "left"), el("th", { scope: "col" }, "right"))),
    el(
      "tbody",
      {},
      ...rows
        .map(([name, of]) => /** @type {const} */ ([name, of(a), of(b)]))
        .filter(([, left, right]) => left || right)
        .map(([name, left, right]) =>
          el(
            "tr",
            { class: left === right ? "" : "differs" },
            el("th", { scope: "row" }, el("bdi", {}, name)),
            ...[left, right].map((text) => el("td", {}, el("bdi", {}, text || "–"))),
          ),
        ),
    ),
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
