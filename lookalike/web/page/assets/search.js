/** The search: a question, its options, and the hits. */

import { askBar } from "./askbar.js";
import { closeComparison, openComparison } from "./compare.js";
import { announce, el, fill, icon } from "./dom.js";
import { facts, onIndexChanged } from "./facts.js";
import { count, pixels } from "./format.js";
import { skeleton, walkByArrows } from "./grid.js";
import { optionsOf, searchOptions } from "./options.js";
import { asked } from "./pictures.js";
import { problemBox } from "./problems.js";
import * as questions from "./questions.js";
import { resultList } from "./results.js";
import { again, change, go, here } from "./router.js";
import { startPage } from "./start.js";

/** Parameters that stay from question to question. */
const KEPT = ["family", "min", "sure", "turned", "negatives", "limit"];

/** Text in the place of a picture that cannot be shown. */
const UNSEEN = { url: "fetched by the server", key: "no picture is available", file: "this browser cannot show it" };

export function searchView() {
  const bar = askBar({ onfiles, onurl });
  const start = startPage();
  const figure = el("figure", { class: "asked" });
  const others = el("div", { class: "others", role: "group", "aria-label": "Pictures you searched for" });
  const side = el("aside", { "aria-label": "Picture and options" }, figure, others);
  const found = el("div", { class: "found", "aria-busy": "false" });
  const results = el("div", { class: "results", hidden: true }, side, found);
  const element = el("section", { class: "view search" }, start.element, results);
  walkByArrows(found);

  /** @type {ReturnType<typeof searchOptions>|null} */
  let panel = null;
  /** @type {ReturnType<typeof resultList>|null} */
  let list = null;
  let shown = "";
  let request = new AbortController();

  onIndexChanged(() => (shown = ""));

  const kept = () => Object.fromEntries(KEPT.map((name) => [name, here().view === "search" ? here().params.get(name) : null]));

  /** @param {questions.Question} question */
  const search = (question) => go("search", { ...questions.addressOf(question), ...kept() });

  /** @param {File[]} files */
  function onfiles(files) {
    const [first] = files.map(questions.ofFile);
    search(first);
  }

  /** @param {string} url */
  function onurl(url) {
    bar.input.value = "";
    go("search", { url, ...kept() });
  }

  /** Moving an element takes the focus from it, so it is moved only when its place changes. @param {Element} parent */
  function place(parent) {
    if (bar.element.parentElement !== parent) parent.append(bar.element);
  }

  /** @param {URLSearchParams} params */
  async function update(params) {
    if (!params.has("compare")) closeComparison();
    // nothing is waited for without need: who opens the view to type gets the focus at once
    if (params.has("file")) await questions.restore(params);
    const question = questions.ofAddress(params);
    start.element.hidden = !!question;
    results.hidden = !question;
    if (!question) {
      shown = "";
      place(start.hero);
      facts().then(({ limits }) => bar.allow(limits.urls), () => {});
      await start.show(params.has("file") ? "This browser no longer has the picture. Drop it here again." : "");
      return;
    }
    place(side);
    try {
      const { families, limits } = await facts();
      bar.allow(limits.urls);
      panel ??= searchOptions(families, {
        onfilter: (wanted) => list?.filter(wanted),
        onchange: (changes, quietly) => change({ ...changes, compare: null }, { quietly }),
      });
      others.after(panel.element);
      const options = optionsOf(params, families);
      panel.show(options);
      await showAnswer(question, options, families);
      list?.filter(options);
    } catch (error) {
      if (request.signal.aborted) return;
      fail(error, params);
      return;
    }
    const compared = list?.answer.hits.find(({ key }) => key === params.get("compare"));
    if (compared) openComparison(question, compared, list?.visible() ?? []);
    else closeComparison();
  }

  /** Repeats a search whose answer was partial. */
  function askAgain() {
    shown = "";
    again();
  }

  /** Searches, unless the answer is shown already. */
  async function showAnswer(/** @type {questions.Question} */ question, /** @type {any} */ options, /** @type {any} */ families) {
    const wanted = JSON.stringify([question.id, { ...options, min: 0, sure: "" }]);
    if (wanted === shown) return;
    shown = "";
    list = null;
    request.abort();
    request = new AbortController();
    const { signal } = request;
    found.setAttribute("aria-busy", "true");
    fill(found, el("h1", { class: "summary ghost" }), skeleton(8));
    showQuestion(question);
    announce("Searching");
    const { family, turned: orientations, negatives, limit, thorough } = options;
    const answer = await questions.ask(question, { family, limit, orientations, negatives, thorough }, signal);
    signal.throwIfAborted();
    shown = wanted;
    showQuestion(question);
    list = resultList(answer, families, question, {
      again: askAgain,
      alsoTurned: orientations ? null : () => change({ turned: true }),
      thoroughly: () => change({ thorough: true }),
    });
    fill(found, list.element);
    found.setAttribute("aria-busy", "false");
  }

  /** @param {questions.Question} question */
  function showQuestion(question) {
    const frame = el("div", { class: "frame" });
    const { width, height } = question;
    fill(
      figure,
      frame,
      el("figcaption", {}, el("bdi", { class: "name" }, question.name), el("span", { class: "quiet" }, pixels({ width, height }))),
    );
    asked(question).then(
      (picture) => {
        picture.alt = "The picture you searched for";
        fill(frame, picture);
        if (!width) figure.querySelector(".quiet").textContent = pixels({ width: picture.naturalWidth, height: picture.naturalHeight });
      },
      () => fill(frame, el("p", { class: "quiet" }, UNSEEN[question.kind])),
    );
    const all = questions.all();
    others.hidden = all.length < 2;
    fill(others, ...all.slice(-12).reverse().map((earlier) => chip(earlier, earlier === question)));
  }

  /** @param {questions.Question} question @param {boolean} isCurrent */
  function chip(question, isCurrent) {
    const box = el(
      "button",
      {
        type: "button",
        class: "chip",
        title: question.name,
        "aria-label": `Search for ${question.name}`,
        "aria-pressed": String(isCurrent),
        onclick: () => search(question),
      },
      icon("similar"),
    );
    if (question.src || question.preview || question.image) asked(question).then((picture) => fill(box, picture), () => {});
    return box;
  }

  /** @param {any} error @param {URLSearchParams} params */
  function fail(error, params) {
    found.setAttribute("aria-busy", "false");
    shown = "";
    fill(found, problemBox(error, () => update(params)));
  }

  return {
    element,
    title: "Search",
    update,
    taker: { label: "Drop to search", onfiles, onurl },
    focus: bar.focus,
    /** The title of the window. */
    about: () => (list ? `${count(list.answer.hits.length, "result")} for ${list.answer.question.name ?? "a picture"}` : ""),
  };
}
