/** Duplicates: groups in three tiers, marks that stay, and what is done with the files that are marked. */

import { bestForm } from "./best.js";
import { jobBox, openPlan } from "./cleanup.js";
import { closeComparison, openComparison } from "./compare.js";
import { groupRow } from "./copies.js";
import { announce, button, el, fill } from "./dom.js";
import { endless } from "./endless.js";
import { facts, indexChanged, may, onIndexChanged } from "./facts.js";
import { folderFields } from "./folders.js";
import { bytes, count, joined } from "./format.js";
import { skeleton } from "./grid.js";
import { listenForGroups } from "./groupkeys.js";
import { marking } from "./marking.js";
import { toggle } from "./options.js";
import { problemBox } from "./problems.js";
import * as reviews from "./reviews.js";
import { again, change, openOver } from "./router.js";
import { ALL, tierChoice } from "./tiers.js";
import { markedTray } from "./tray.js";

export function reviewView() {
  const heading = el("h1", {}, "Duplicates");
  const summary = el("p", { class: "quiet" });
  const notes = el("div", { class: "notes" });
  const body = el("div", {});
  const choice = tierChoice({ onshow: (tier) => change({ tier }), onalso: (on) => change({ alike: on, tier: null }) });
  const best = bestForm({ onmark: markAll, onchange: () => list.soon() });
  const onlyMarked = toggle("Only groups with marks", "", (on) => change({ marked: on }));
  const where = folderFields();
  const tray = markedTray({ onclear: clear, onclean: clean, onerror: failed });
  const job = jobBox({ onfinished: () => (indexChanged(), again()) });
  const tools = el(
    "div",
    { class: "tools", hidden: true },
    choice.element,
    el("div", { class: "filters" }, best.element, onlyMarked.element, where.element),
  );
  const list = endless({ load, build, label: "Groups of duplicates", onloaded, onerror: failed });
  const marks = marking({ onchange: () => (list.redraw(), drawTray()), onsaved: refresh, onerror: (error) => fill(notes, problemBox(error)) });
  const element = el("section", { class: "view duplicates" }, heading, summary, job.element, notes, tools, body, tray.element);
  listenForGroups(element, list, (key, offset, mark) => {
    const card = list.item(offset)?.images.find((/** @type {reviews.Card} */ card) => card.key === key);
    if (card && mayMark) marks.set([card], card.mark === mark ? null : mark);
  });

  /** @type {reviews.Review|null} */
  let review = null;
  let filter = /** @type {{tier: reviews.Tier|"", marked: boolean|""}} */ ({ tier: "", marked: "" });
  let begun = "";
  let shown = "";
  let mayMark = false;
  let request = new AbortController();

  onIndexChanged(() => (begun = ""));

  /** @param {URLSearchParams} params */
  async function update(params) {
    const parameters = {
      tiers: params.has("alike") ? ALL : ALL.slice(0, 2),
      ...(params.get("prefix") ? { prefix: params.get("prefix") } : {}),
      ...(params.get("against") ? { against: params.get("against") } : {}),
    };
    const tier = ALL.find((tier) => tier === params.get("tier")) ?? "";
    filter = { tier, marked: params.has("marked") || "" };
    onlyMarked.input.checked = params.has("marked");
    where.show(params);
    job.resume();
    try {
      if (begun !== JSON.stringify(parameters)) await begin(parameters);
      if (review?.state !== "done") return;
      choice.show(review, tier);
      const wanted = JSON.stringify([review.id, filter]);
      if (wanted !== shown) {
        shown = wanted;
        await list.reload({ isOther: true });
      }
      await compare(params);
      list.soon();
    } catch (error) {
      if (!request.signal.aborted) failed(error);
    }
  }

  /** Has the server look for duplicates, and waits. @param {Record<string, any>} parameters */
  async function begin(parameters) {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    begun = JSON.stringify(parameters);
    if (!review) fill(body, skeleton(6));
    heading.classList.add("busy");
    mayMark = may(await facts(), "write");
    const first = await reviews.start(parameters, signal);
    const done = await reviews.finished(
      first,
      () => reviews.read(first.id, signal),
      (now) => now.state === "running" && (summary.textContent = reviews.progress(now)),
    );
    signal.throwIfAborted();
    shown = "";
    heading.classList.remove("busy");
    if (done.state === "failed") throw Object.assign(new Error(done.error ?? ""), { title: "The review has failed", detail: done.error ?? "" });
    know(done);
    fill(body, done.groups ? list.element : el("p", { class: "empty" }, "No copies were found."));
    announce(`${heading.textContent}. ${summary.textContent}`);
  }

  /** @param {reviews.Review} now */
  function know(now) {
    review = now;
    if (!marks.isSaving()) marks.know(now.marked);
    heading.textContent = now.groups ? count(now.groups, "group") : "No duplicates";
    summary.textContent = joined(
      ". ",
      now.groups
        ? `${count(now.copies, "copy", "copies")} among ${count(now.images, "image")} take ${bytes(now.bytes)}`
        : `${count(now.images, "image")} were compared`,
      now.unconfirmed > 0 && `${count(now.unconfirmed, "pair")} could not be confirmed, for a file cannot be read`,
      now.flat > 0 && `${count(now.flat, "image")} without content can only be identical files`,
    );
    tools.hidden = false;
    best.element.hidden = onlyMarked.element.hidden = !mayMark || !now.groups;
    best.show(now);
    choice.show(now, filter.tier);
    fill(
      notes,
      !now.is_current && el("p", { class: "note" }, "The index has changed since. ", button("Look again", () => ((begun = ""), again()), { class: "button slight" })),
    );
    drawTray();
  }

  /** Asks for the sums anew: marks and decisions change them. */
  async function refresh() {
    if (!review) return;
    const { id } = review;
    try {
      const now = await reviews.read(id);
      if (review?.id === id) know(now);
    } catch (error) {
      failed(error);
    }
  }

  /** @param {number} offset @param {number} limit */
  async function load(offset, limit) {
    const { total, groups } = await reviews.groups(/** @type {reviews.Review} */ (review).id, { ...filter, offset, limit }, request.signal);
    return { total, items: groups };
  }

  /** @param {reviews.Group} group @param {number} offset */
  function build(group, offset) {
    return groupRow(group, offset, { mayMark, onmark: marks.set, ondecide: decide, onopen: (at, { key }) => openOver({ group: at, compare: key }) });
  }

  /** @param {number} total */
  function onloaded(total) {
    if (total && !list.element.isConnected) fill(body, list.element);
    if (!total && review?.groups) fill(body, el("p", { class: "empty" }, "No group is of that kind."));
  }

  /** @param {any} error */
  function failed(error) {
    if (error.name === "AbortError") return;
    if (error.code === "review-gone" && begun) {
      // the server was started again, or has had many others since
      begun = "";
      again();
      return;
    }
    begun = "";
    heading.classList.remove("busy");
    fill(notes, problemBox(error, again));
    if (!review) fill(body);
  }

  /** @param {reviews.Rules} rules @returns {Promise<string>} what was done */
  async function markAll(rules) {
    if (!review) return "";
    try {
      const done = await reviews.markAllButBest(review.id, rules);
      await Promise.all([refresh(), list.reload({ isOther: filter.marked !== "" })]);
      const text = `${count(done.marked, "image")} marked, ${bytes(done.bytes)}`;
      announce(text);
      return text;
    } catch (error) {
      failed(error);
      return "";
    }
  }

  async function clear() {
    try {
      await reviews.clearMarks(/** @type {reviews.Review} */ (review).id);
      await Promise.all([refresh(), list.reload({ isOther: filter.marked !== "" })]);
    } catch (error) {
      failed(error);
    }
  }

  function clean() {
    if (review) openPlan(review, { protect: best.rules().protect, onapply: job.watch });
  }

  /** @param {reviews.Group} group @param {reviews.Card[]} among @param {"different"|null} decision */
  async function decide(group, among, decision) {
    try {
      await reviews.decide(reviews.pairsOf(among.map(({ key }) => key)), decision);
      for (const card of among) if (card !== group.images[0]) card.decision = decision;
      list.redraw();
      await refresh();
    } catch (error) {
      failed(error);
    }
  }

  function drawTray() {
    if (review) tray.show(review, marks.sums(), mayMark);
  }

  /** @param {URLSearchParams} params */
  async function compare(params) {
    const key = params.get("compare");
    const offset = Number(params.get("group"));
    const group = key === null ? null : await list.need(offset);
    const copy = group?.images.slice(1).find((/** @type {reviews.Card} */ card) => card.key === key);
    if (!group || !copy) {
      closeComparison();
      return;
    }
    const [head, ...copies] = group.images;
    openComparison({ id: head.key, kind: "key", name: head.key, image: head, sha256: head.sha256 }, copy, copies, {
      onmark: mayMark ? (card, mark) => marks.set([card], card.mark === mark ? null : mark) : null,
      onbeyond: (step) => void beyond(offset + step, step),
    });
  }

  /** Goes on to the comparison of another group. @param {number} offset @param {number} step */
  async function beyond(offset, step) {
    const group = offset >= 0 && offset < list.total() ? await list.need(offset) : null;
    if (!group) return;
    list.reveal(offset);
    change({ group: offset, compare: (step > 0 ? group.images[1] : group.images.at(-1)).key }, { quietly: true });
  }

  return { element, title: "Duplicates", update, taker: null, focus: null, about: () => (review?.groups ? heading.textContent ?? "" : "") };
}
