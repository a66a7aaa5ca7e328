/** Adding images: files from this computer, each with its progress and outcome. */

import { add } from "./adding.js";
import { announce, el, fill, icon } from "./dom.js";
import { facts, indexChanged, may } from "./facts.js";
import { bytes, count, pixels } from "./format.js";
import { chooser } from "./intake.js";
import { toggle } from "./options.js";
import { inWords } from "./problems.js";
import { to } from "./router.js";

/** Pictures sent at once: enough to keep a server's cores busy while others are on their way. */
const AT_ONCE = 3;

export function uploadView() {
  const prefix = el("input", {
    type: "text",
    id: "key-prefix",
    placeholder: "holiday/2024/",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "key-example",
    oninput: example,
  });
  const exampleText = el("p", { class: "quiet", id: "key-example" });
  const keep = toggle("Keep existing images", "Otherwise a picture replaces the image with the same key.", () => {});
  const refused = el("p", { class: "problem", hidden: true }, "Your token allows searching, but not adding images.");
  const summary = el("p", { class: "summary", hidden: true });
  const list = el("ul", { class: "uploads", "aria-label": "Pictures to add" });
  const element = el(
    "section",
    { class: "view upload" },
    el("h1", {}, "Add images"),
    refused,
    el(
      "div",
      { class: "panel" },
      el("p", { class: "lead" }, "Drop pictures anywhere on this page, or choose files. Searches find each one as soon as it is added."),
      el(
        "div",
        { class: "field" },
        el("label", { htmlFor: "key-prefix" }, "Keys begin with"),
        prefix,
        exampleText,
      ),
      keep.element,
      chooser([icon("upload"), "Choose pictures"], onfiles),
    ),
    summary,
    list,
  );

  /** @type {(() => Promise<void>)[]} */
  const queue = [];
  let running = 0;
  const counts = { added: 0, replaced: 0, sent: 0, kept: 0, failed: 0 };

  function example() {
    exampleText.textContent = `A file named cat.jpg gets the key ${prefix.value}cat.jpg.`;
  }

  /** @param {File[]} files */
  function onfiles(files) {
    const isKept = keep.input.checked;
    for (const file of files) {
      const row = uploadRow(file, prefix.value + file.name);
      list.prepend(row.element);
      queue.push(() => send(row, file, isKept));
    }
    announce(`Adding ${count(files.length, "picture")}`);
    while (running < AT_ONCE && queue.length) work();
  }

  async function work() {
    running += 1;
    for (let job = queue.shift(); job; job = queue.shift()) await job();
    running -= 1;
    if (running) return;
    indexChanged();
    announce(summary.textContent ?? "");
  }

  /** @param {ReturnType<typeof uploadRow>} row @param {File} file @param {boolean} isKept */
  async function send(row, file, isKept) {
    try {
      const image = await add(row.key, file, { keep: isKept, onprogress: row.progress });
      if (image) finish(row, image.replaced ? "replaced" : "added", pixels(image));
      else finish(row, "sent", "It will be added soon, unless it is not a picture.");
    } catch (error) {
      if (/** @type {any} */ (error).status === 412) finish(row, "kept", "The key exists already.");
      else finish(row, "failed", inWords(error));
    }
  }

  /** @param {ReturnType<typeof uploadRow>} row @param {keyof counts} outcome @param {string} detail */
  function finish(row, outcome, detail) {
    counts[outcome] += 1;
    row.finish(outcome, detail);
    summary.hidden = false;
    summary.textContent = Object.entries(counts)
      .filter(([, n]) => n)
      .map(([name, n]) => `${n} ${name}`)
      .join(", ");
  }

  function update() {
    example();
    facts().then(
      (stats) => (refused.hidden = may(stats, "write")),
      () => {},
    );
  }
  return { element, title: "Add", update, taker: { label: "Drop to add", onfiles }, focus: () => prefix.focus(), about: () => "" };
}

/** @param {File} file @param {string} key */
function uploadRow(file, key) {
  const preview = el("img", { alt: "", draggable: "false", class: "preview" });
  const url = URL.createObjectURL(file);
  preview.src = url;
  preview.onload = () => URL.revokeObjectURL(url);
  preview.onerror = () => preview.classList.add("missing");
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Progress of ${key}` });
  const state = el("span", { class: "state" }, "waiting");
  const detail = el("span", { class: "quiet said" }, bytes(file.size));
  const links = el("span", { class: "links" });
  const element = el(
    "li",
    {},
    preview,
    el("span", { class: "what" }, el("bdi", { class: "name" }, key), detail),
    bar,
    state,
    links,
  );
  /** @param {number} share */
  const progress = (share) => {
    bar.value = share;
    // the rest is the server's work, which reports no progress
    state.textContent = share < 1 ? `${Math.floor(share * 100)} %` : "processing";
  };
  /** @param {string} outcome @param {string} text */
  const finish = (outcome, text) => {
    bar.remove();
    element.className = outcome;
    state.textContent = outcome;
    detail.textContent = text;
    if (outcome !== "failed" && outcome !== "sent") fill(links, el("a", { href: to("search", { key }) }, "Find similar"));
  };
  return { element, key, progress, finish };
}
