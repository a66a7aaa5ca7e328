/** Doing what is marked: a dry run in a dialog, then the work with its progress, what was left alone, and taking it back. */

import { dialog } from "./dialogs.js";
import { announce, button, el, fill, icon } from "./dom.js";
import { bytes, count, joined, number } from "./format.js";
import { problemBox } from "./problems.js";
import * as reviews from "./reviews.js";

/** The work that was begun last, which a reload must not lose. */
const STORED = "lookalike.job";

/** What can be done with a file: as a choice, with a hint, and as a button. @type {Record<string, [string, string, (files: string) => string]>} */
const ACTIONS = {
  trash: ["Move to the trash", "From there each file can be put back, by you or by Undo.", (files) => `Move ${files} to the trash`],
  folder: ["Move to a folder", "They keep their folders below it. Undo puts them back.", (files) => `Move ${files}`],
  hardlink: ["Replace by hard links", "Each name stays, and shows the file that is kept. Takes no room.", (files) => `Replace ${files}`],
  symlink: ["Replace by symbolic links", "Each name stays, and points at the file that is kept.", (files) => `Replace ${files}`],
  reflink: ["Replace by shared copies", "Each name stays a file of its own, which shares its room on the disk.", (files) => `Replace ${files}`],
  delete: ["Delete for good", "Nobody can bring these files back.", (files) => `Delete ${files} for good`],
};

/** @type {Record<string, string>} */
const DONE = { trash: "moved to the trash", folder: "moved", hardlink: "replaced by hard links", symlink: "replaced by symbolic links", reflink: "replaced by shared copies", delete: "deleted" };

/**
 * Opens the dry run.
 * @param {import("./reviews.js").Review} review @param {{protect: string[], onapply: (job: import("./reviews.js").Job) => void}} how
 */
export function openPlan(review, { protect, onapply }) {
  const { element, body, open } = dialog("plan", "Clean up", () => element.remove());
  const said = el("div", { class: "planned", "aria-live": "polite" });
  const folder = el("input", { type: "text", id: "target", placeholder: "/home/you/duplicates", spellcheck: "false", autocomplete: "off", onchange: () => draw() });
  const target = el("div", { class: "field", hidden: true }, el("label", { htmlFor: "target" }, "Folder on the computer of this server"), folder);
  const act = button("", apply, { class: "button primary" });
  const choices = review.files.actions.filter((action) => action in ACTIONS);
  let action = choices[0];
  /** @type {import("./reviews.js").Plan|null} */
  let plan = null;
  let asked = 0;
  fill(
    body,
    el("h2", {}, "What shall be done with the marked files?"),
    el(
      "fieldset",
      { class: "actions" },
      ...choices.map((name) =>
        el(
          "label",
          {},
          el("input", { type: "radio", name: "action", value: name, checked: name === action, onchange: () => ((action = name), draw()) }),
          el("span", { class: "name" }, ACTIONS[name][0]),
          el("span", { class: "quiet" }, ACTIONS[name][1]),
        ),
      ),
    ),
    target,
    said,
    el("div", { class: "buttons" }, button("Cancel", () => element.close()), act),
  );

  async function draw(note = "") {
    const mine = (asked += 1);
    plan = null;
    act.disabled = true;
    target.hidden = action !== "folder";
    act.textContent = ACTIONS[action][2]("…");
    if (action === "folder" && !folder.value.trim()) {
      fill(said, el("p", { class: "quiet" }, "Name the folder first."));
      return;
    }
    fill(said, el("p", { class: "quiet ghost" }, "Looking at the files…"));
    try {
      const found = await reviews.plan(review.id, { action, protect, ...(action === "folder" ? { folder: folder.value.trim() } : {}) });
      if (mine !== asked) return;
      plan = found;
      fill(said, note && el("p", { class: "note" }, note), ...described(found));
      act.textContent = ACTIONS[action][2](count(found.files, "file"));
      act.className = `button ${action === "delete" ? "danger" : "primary"}`;
      act.disabled = !found.files;
    } catch (error) {
      if (mine === asked) fill(said, problemBox(error));
    }
  }

  async function apply() {
    if (!plan) return;
    act.disabled = true;
    try {
      const job = await reviews.apply(review.id, plan.plan);
      element.close();
      onapply(job);
    } catch (error) {
      if (/** @type {any} */ (error).code === "plan-outdated") await draw("The marks have changed meanwhile. This is the plan now.");
      else fill(said, problemBox(error));
    }
  }
  open();
  draw();
}

/** @param {import("./reviews.js").Plan} plan */
function described(plan) {
  return [
    el("p", {}, el("strong", {}, `${count(plan.files, "file")}, ${bytes(plan.bytes)}`), ". Nothing was done yet. Each file is read again before it is touched."),
    plan.refused > 0 && leftList(`${count(plan.refused, "file")} will be left alone`, plan.refusals, plan.refused),
    plan.steps.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, plan.steps.length < plan.files ? `The first ${plan.steps.length} of them` : "All of them"),
        el(
          "ul",
          { class: "steps" },
          ...plan.steps.map((step) =>
            el("li", {}, el("bdi", {}, step.path ?? step.key), el("span", { class: "quiet" }, joined(", ", step.bytes !== null && bytes(step.bytes), `kept: ${step.kept}`))),
          ),
        ),
      ),
  ];
}

/**
 * Files that are left alone, by reason.
 * @param {string} title @param {{key: string, path?: string, reason: string}[]} left @param {number} total
 */
function leftList(title, left, total) {
  /** @type {Map<string, string[]>} */
  const reasons = new Map();
  for (const { key, path, reason } of left) reasons.set(reason, [...(reasons.get(reason) ?? []), path ?? key]);
  return el(
    "details",
    { class: "left", open: total <= 10 },
    el("summary", {}, title),
    el(
      "ul",
      { class: "steps" },
      ...[...reasons].map(([reason, names]) =>
        el("li", {}, el("strong", {}, `${reason} (${number(names.length)})`), ...names.slice(0, 100).map((name) => el("bdi", {}, name))),
      ),
      total > left.length && el("li", { class: "quiet" }, `and ${number(total - left.length)} more, which the log names`),
    ),
  );
}

/**
 * The place on the page where the work is watched, that of before a reload too.
 * @param {{onfinished: () => void}} told
 */
export function jobBox({ onfinished }) {
  const element = el("div", { class: "job", role: "region", "aria-label": "Cleaning up", hidden: true });
  let isWatching = false;

  /** @param {import("./reviews.js").Job} first */
  async function watch(first) {
    isWatching = true;
    sessionStorage.setItem(STORED, first.id);
    try {
      const job = await reviews.finished(first, () => reviews.job(first.id), draw);
      announce(element.querySelector("strong")?.textContent ?? "");
      if (job.files || job.kind === "undo") onfinished();
    } catch (error) {
      element.hidden = false;
      fill(element, problemBox(error, () => watch(first)));
    } finally {
      isWatching = false;
    }
  }

  /** @param {import("./reviews.js").Job} job */
  function draw(job) {
    element.hidden = false;
    const isRunning = job.state === "running";
    const verb = job.kind === "undo" ? "put back" : (DONE[job.action] ?? "done");
    fill(
      element,
      el(
        "div",
        { class: "row" },
        el("p", {}, el("strong", {}, isRunning ? `${number(job.done)} of ${count(job.of, "file")}` : joined(", ", `${count(job.files, "file")} ${verb}`, bytes(job.bytes)))),
        el(
          "div",
          { class: "buttons" },
          !isRunning && job.kind === "apply" && job.can_undo && job.files > 0 && button([icon("back"), "Undo"], () => undo(job)),
          !isRunning && button("Close", close),
        ),
      ),
      isRunning && el("progress", { max: Math.max(1, job.of), value: job.done, "aria-label": "Progress" }),
      job.error && el("p", { class: "wrong" }, job.error),
      job.left_count > 0 && leftList(`${count(job.left_count, "file")} left alone`, job.left, job.left_count),
      !isRunning && job.kind === "apply" && el("p", { class: "quiet" }, "Log: ", el("bdi", { class: "code" }, job.log)),
    );
  }

  /** @param {import("./reviews.js").Job} job */
  async function undo(job) {
    try {
      await watch(await reviews.undo(job.id));
    } catch (error) {
      element.append(problemBox(error));
    }
  }

  function close() {
    sessionStorage.removeItem(STORED);
    element.hidden = true;
  }

  /** Shows the work of before a reload. */
  async function resume() {
    const id = sessionStorage.getItem(STORED);
    if (!id || isWatching || !element.hidden) return;
    try {
      const job = await reviews.job(id);
      if (job.state === "running") watch(job);
      else draw(job);
    } catch {
      // a server that was started again knows nothing of it; its log is still there
      sessionStorage.removeItem(STORED);
    }
  }
  return { element, watch, resume };
}
