/** Duplicates: groups of similar images, each of which is kept or marked for removal. */

import * as api from "./api.js";
import { closeComparison, openComparison } from "./compare.js";
import { copyButton } from "./details.js";
import { confirmed } from "./dialogs.js";
import { announce, button, el, fill, icon } from "./dom.js";
import { facts, indexChanged, may, onIndexChanged } from "./facts.js";
import { count } from "./format.js";
import { skeleton, walkByArrows } from "./grid.js";
import { groupRow } from "./groups.js";
import * as marks from "./marks.js";
import { familyChoice, minScore, optionsForm, select } from "./options.js";
import { inWords, problemBox } from "./problems.js";
import { again, change } from "./router.js";

const PAGE = 50;

export function duplicatesView() {
  const heading = el("h1", {}, "Duplicates");
  const summary = el("p", { class: "quiet" });
  const list = el("div", { class: "groups" });
  const more = button("Show more groups", () => load(), { class: "button wide" });
  const body = el("div", { class: "found" });
  const tray = el("div", { class: "tray", role: "region", "aria-label": "Marked for removal", hidden: true });
  const side = el("aside", { "aria-label": "Options" });
  const element = el("section", { class: "view duplicates results" }, side, el("div", { class: "found" }, heading, summary, body), tray);
  walkByArrows(list);

  /** @type {{show: (params: URLSearchParams) => any}|null} */
  let panel = null;
  /** @type {api.Group[]} */
  let groups = [];
  let query = {};
  let shown = "";
  let request = new AbortController();
  let total = 0;

  onIndexChanged(() => (shown = ""));

  /** @param {URLSearchParams} params */
  async function update(params) {
    try {
      const stats = await facts();
      panel ??= options(stats.families, side);
      query = panel.show(params);
    } catch (error) {
      fill(body, problemBox(error, () => update(params)));
      return;
    }
    const wanted = JSON.stringify(query);
    if (wanted !== shown) {
      shown = wanted;
      groups = [];
      request.abort();
      request = new AbortController();
      heading.textContent = "Duplicates";
      summary.textContent = "Searching for duplicates…";
      tray.hidden = true;
      fill(list);
      fill(body, skeleton(6));
      await load();
    }
    compare(params);
  }

  async function load() {
    const { signal } = request;
    more.disabled = true;
    try {
      const found = await api.duplicates({ ...query, limit: PAGE, offset: groups.length }, signal);
      if (signal.aborted) return;
      groups.push(...found.groups);
      total = found.total_groups;
      heading.textContent = total ? count(total, "group") : "No duplicates";
      summary.textContent = inWords({
        detail: total
          ? `${count(found.total_copies, "copy", "copies")} besides the largest of each group, by ${found.family}`
          : `No two images have a score of ${Math.round(found.min_score)} or more by ${found.family}`,
        help: [
          found.flat && `${count(found.flat, "blank image")} left out`,
          found.is_complete || "Only pairs that a hash calls near were compared, so a few copies may be missing",
        ].filter((sentence) => typeof sentence === "string").join(". "),
      });
      list.append(...found.groups.map((/** @type {api.Group} */ group) => groupRow(group, refresh)));
      more.hidden = groups.length >= total;
      fill(body, list, more);
      announce(`${heading.textContent}. ${summary.textContent}`);
      await refresh();
    } catch (error) {
      if (signal.aborted) return;
      shown = "";
      summary.textContent = "";
      fill(body, problemBox(error, again));
    } finally {
      more.disabled = false;
    }
  }

  /** Shows the images that are marked, and what can be done with them. */
  async function refresh() {
    const keys = marks.going(groups);
    tray.hidden = keys.length === 0;
    const { text, name, command } = marks.listed(keys);
    const stats = await facts();
    const lost = marks.lost(groups);
    const warning = lost ? `${count(lost, "group")} would lose every image.` : "Marking deletes nothing.";
    fill(
      tray,
      el("p", {}, el("strong", {}, `${count(keys.length, "image")} marked for removal`), el("span", { class: lost ? "wrong" : "quiet" }, warning)),
      el(
        "div",
        { class: "buttons" },
        button([icon("download"), el("span", {}, "Download", word(" the list"))], () => marks.download(text, name), { title: command }),
        copyButton(text, "the list of keys", el("span", {}, "Copy", word(" the list")), "button"),
        may(stats, "write") &&
          button([icon("trash"), el("span", {}, "Delete", word(" from the index"), "…")], () => remove(keys), {
            class: "button danger",
            "aria-label": "Delete from the index…",
          }),
      ),
    );
  }

  /** @param {string[]} keys */
  async function remove(keys) {
    const isSure = await confirmed({
      title: `Delete ${count(keys.length, "image")} from the index?`,
      text: "Searches will no longer find them. The files they were added from are not touched.",
      action: `Delete ${keys.length}`,
    });
    if (!isSure) return;
    try {
      for (const [done, key] of keys.entries()) {
        announce(`Deleting ${done + 1} of ${keys.length}`);
        await api.remove(key).catch((error) => {
          // already deleted by somebody else
          if (error.status !== 404) throw error;
        });
      }
      announce(`${count(keys.length, "image")} deleted`);
    } catch (error) {
      tray.prepend(problemBox(error));
      return;
    } finally {
      indexChanged();
    }
    again();
  }

  /** @param {URLSearchParams} params */
  function compare(params) {
    const group = groups.find(({ head }) => head.key === params.get("head"));
    const copy = group?.copies.find(({ key }) => key === params.get("compare"));
    if (!group || !copy) {
      closeComparison();
      return;
    }
    const { head } = group;
    openComparison({ id: head.key, kind: "key", name: head.key, image: head, sha256: head.sha256 }, copy, group.copies);
  }

  return { element, title: "Duplicates", update, taker: null, focus: null, about: () => "" };
}

/** A word that is hidden on a phone, for lack of room. @param {string} text */
const word = (text) => el("span", { class: "word" }, text);

/** @param {api.Family[]} families @param {HTMLElement} side */
function options(families, side) {
  const family = familyChoice(families.map(({ name }) => name), (name) => change({ family: name, min: null }));
  const least = minScore({ onchange: (min) => change({ min }) });
  const grouping = select(
    "Groups",
    [
      ["star", "similar to the largest"],
      ["components", "linked in chains"],
    ],
    (group) => change({ group }),
  );
  fill(side, optionsForm(least.element, family.element, grouping.element));
  /** @param {URLSearchParams} params */
  const show = (params) => {
    const chosen = families.find(({ name }) => name === params.get("family")) ?? families[0];
    const given = params.get("min");
    const group = params.get("group") === "components" ? "components" : "star";
    family.show(chosen.name);
    least.show(given === null ? chosen.match_score : Number(given), chosen.match_score);
    grouping.input.value = group;
    return { family: chosen.name, min_score: given ?? undefined, group };
  };
  return { show };
}
