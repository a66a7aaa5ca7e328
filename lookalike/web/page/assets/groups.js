/** A group of duplicates: its images in a row, each kept or marked for removal. */

import { button, el, icon } from "./dom.js";
import { count, number } from "./format.js";
import { card, scoreBar } from "./grid.js";
import * as marks from "./marks.js";
import { openOver } from "./router.js";

/** Copies of a group that are drawn at a time: a group can have thousands. The list for removal has all of them. */
const AT_ONCE = 30;

/** @param {import("./api.js").Group} group @param {() => void} onchange */
export function groupRow(group, onchange) {
  const { head, copies } = group;
  const first = copies[0]?.key;
  const row = el("ul", { class: "grid" }, item(head, true, first, head.key, onchange));
  const more = button("", draw, { class: "button slight" });
  let drawn = 0;
  function draw() {
    const next = copies.slice(drawn, drawn + AT_ONCE);
    drawn += next.length;
    row.append(...next.map((copy) => item(copy, false, copy.key, head.key, onchange)));
    more.textContent = `Show more of ${number(copies.length - drawn)}`;
    more.hidden = drawn === copies.length;
  }
  draw();
  const heading = el("h2", {}, count(1 + copies.length, "image"));
  return el(
    "section",
    { class: "group", "aria-label": `Group of ${head.key}` },
    heading,
    row,
    more,
  );
}

/** @param {any} image @param {boolean} isHead @param {string} compared @param {string} head @param {() => void} onchange */
function item(image, isHead, compared, head, onchange) {
  const words = el("span", {});
  const sign = el("span", { class: "sign" });
  const mark = el(
    "button",
    {
      type: "button",
      class: "mark",
      onclick: () => {
        marks.mark(image.key, !marks.goes(image.key, isHead));
        draw();
        onchange();
      },
    },
    sign,
    words,
  );
  const element = card(image, {
    label: `Compare ${compared} with ${head}`,
    onopen: () => openOver({ head, compare: compared }),
    lead: isHead ? el("span", { class: "score weak" }, "most pixels") : scoreBar(image.score),
    extra: mark,
  });
  function draw() {
    const isGoing = marks.goes(image.key, isHead);
    element.classList.toggle("going", isGoing);
    mark.setAttribute("aria-pressed", String(isGoing));
    mark.setAttribute("aria-label", `Mark ${image.key} for removal`);
    words.textContent = isGoing ? "Remove" : "Keep";
    sign.replaceChildren(icon(isGoing ? "close" : "check"));
  }
  draw();
  return element;
}
