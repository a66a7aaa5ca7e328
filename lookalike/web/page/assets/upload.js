/** Adding images: files from this computer, each with its progress and what became of it. */

import { add } from "./adding.js";
import { announce, el, fill, icon } from "./dom.js";
import { facts, indexChanged, may } from "./facts.js";
import { bytes, count, pixels } from "./format.js";
import { chooser } from "./intake.js";
import { toggle } from "./options.js";
import { inWords } from "./problems.js";
import { to } from "./router.js";

/** Pictures on their way at once: enough to keep a server's cores busy while others are sent. */
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
  const keep = toggle("Leave existing images alone", "Otherwise a picture replaces the one that has its key.", () => {});
  const refused = el("p", { class: "problem", hidden: true }, "Your token allows searching here, but not adding.");
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
      el("p", { class: "lead" }, "Drop pictures anywhere on this page, or choose them. Each can be found as soon as it is added."),
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
      else finish(row, "sent", "It can be found in a while, unless it is no picture.");
    } catch (error) {
      if (/** @type {any} */ (error).status === 412) finish(row, "kept", "There is an image of this key already.");
      else finish(row, "failed", inWords(error));
    }
  }

  /** @param {ReturnType<typeof uploadRow>} row @param {keyof counts} what @param {string} said */
  function finish(row, what, said) {
    counts[what] += 1;
    row.finish(what, said);
    summary.hidden = false;
    const words = { added: "added", replaced: "replaced", sent: "sent", kept: "left alone", failed: "failed" };
    summary.textContent = Object.entries(counts)
      .filter(([, n]) => n)
      .map(([name, n]) => `${n} ${words[/** @type {keyof words} */ (name)]}`)
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
  const said = el("span", { class: "quiet said" }, bytes(file.size));
  const links = el("span", { class: "links" });
  const element = el(
    "li",
    {},
    preview,
    el("span", { class: "what" }, el("bdi", { class: "name" }, key), said),
    bar,
    state,
    links,
  );
  /** @param {number} share */
  const progress = (share) => {
    bar.value = share;
    // what is left then is the server's work, of which it says nothing until it is done
    state.textContent = share < 1 ? `${Math.floor(share * 100)} %` : "signing";
  };
  /** @param {string} what @param {string} text */
  const finish = (what, text) => {
    bar.remove();
    element.className = what;
    state.textContent = what === "kept" ? "left alone" : what;
    said.textContent = text;
    if (what !== "failed" && what !== "sent") fill(links, el("a", { href: to("search", { key }) }, "Find similar"));
  };
  return { element, key, progress, finish };
}
