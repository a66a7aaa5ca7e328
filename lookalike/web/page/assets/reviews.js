/** The HTTP API of duplicates: reviews, marks, decisions, and what is done with the files. */

import { get, pause, send } from "./api.js";
import { number } from "./format.js";

/**
 * How sure it is that a copy shows the same picture.
 * @typedef {"identical"|"same"|"alike"} Tier
 * @typedef {"remove"|"keep"|null} Mark
 * @typedef {import("./api.js").Image & {bytes: number|null, format: string|null, taken: string|null, modified: string|null,
 *   has_exif: boolean|null, folder: string, reachable: boolean, tier: Tier|null, confirmed: boolean|null,
 *   score: number|null, orientation: string, differs: string[], better: string[], mark: Mark, protected: boolean,
 *   decision: "different"|null}} Card
 * @typedef {{number: number, tier: Tier, images: Card[]}} Group the first image is the head: the best by the default rules
 * @typedef {{remove: number, keep: number, bytes: number}} Marked
 * @typedef {{id: string, state: "running"|"done"|"failed", phase: string, done: number, of: number, error: string|null,
 *   is_current: boolean, tiers: {tier: Tier, groups: number, copies: number, bytes: number}[], groups: number,
 *   copies: number, bytes: number, images: number, unconfirmed: number, flat: number, marked: Marked,
 *   default: {tiers: Tier[], keep: string[]}, files: {allowed: boolean, reason: string|null, actions: string[]}}} Review
 * @typedef {{tiers: Tier[], keep: string[], prefer: string[], protect: string[]}} Rules
 * @typedef {{plan: string, action: string, files: number, bytes: number, refused: number,
 *   steps: {key: string, path?: string, bytes: number|null, kept: string}[],
 *   refusals: {key: string, reason: string}[]}} Plan
 * @typedef {{id: string, kind: "apply"|"undo", action: string, state: "running"|"done"|"failed", done: number, of: number,
 *   files: number, bytes: number, left: {key: string, path?: string, reason: string}[], left_count: number, log: string,
 *   can_undo: boolean, error: string|null}} Job
 */

/** The time between two looks at what goes on in the server. */
const POLL_MS = 300;

/** The most groups in an answer. */
export const MOST = 200;

/** More pairs than that are not decided at once: images of a larger group are decided one by one. */
const MAX_PAIRS = 10_000;

/** @type {Record<string, string>} */
const PHASES = { reading: "Reading the index", comparing: "Comparing", confirming: "Comparing the pixels of what looks the same" };

const HERE = "v1/duplicates";

/** @param {string} path @param {any} json @param {AbortSignal} [signal] */
const post = async (path, json, signal) => (await send("POST", `${HERE}/${path}`, { json, signal })).json();

/**
 * Starts a review, or finds the one of the same parameters and the same state of the index.
 * @param {Record<string, any>} parameters @param {AbortSignal} [signal] @returns {Promise<Review>}
 */
export const start = (parameters, signal) => post("reviews", parameters, signal);

/** What the server is doing. @param {Review} review */
export const progress = ({ phase, done, of }) => `${PHASES[phase] ?? "Looking"}… ${of > 1 ? `${number(done)} of ${number(of)}` : ""}`;

/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<Review>} */
export const read = (id, signal) => get(`${HERE}/reviews/${id}`, {}, signal);

/**
 * @param {string} id
 * @param {{offset: number, limit: number, tier?: Tier|"", marked?: boolean|"", decided?: boolean|""}} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<{total: number, groups: Group[]}>}
 */
export const groups = (id, query, signal) => get(`${HERE}/reviews/${id}/groups`, query, signal);

/** @param {{key: string, mark: Mark}[]} marks */
export const mark = (marks) => post("marks", { marks });

/** @param {string} id @param {Rules} rules @returns {Promise<{marked: number, unmarked: number, bytes: number, kept: number}>} */
export const markAllButBest = (id, rules) => post(`reviews/${id}/marks`, { all_but_best: rules });

/** @param {string} id */
export const clearMarks = (id) => post(`reviews/${id}/marks`, { clear: true });

/** All pairs of these, the first of a pair before the second. @param {string[]} keys @returns {[string, string][]} */
export function pairsOf(keys) {
  const all = keys.length * (keys.length - 1) <= 2 * MAX_PAIRS;
  return keys.flatMap((key, at) => (all || at === 0 ? keys.slice(at + 1).map((other) => /** @type {[string, string]} */ ([key, other])) : []));
}

/** @param {[string, string][]} pairs @param {"different"|null} decision */
export const decide = (pairs, decision) => post("decisions", { pairs, decision });

/** @param {string} id @param {{action: string, folder?: string, protect?: string[]}} what @returns {Promise<Plan>} */
export const plan = (id, what) => post(`reviews/${id}/plan`, what);

/** @param {string} id @param {string} planned @returns {Promise<Job>} */
export const apply = (id, planned) => post(`reviews/${id}/apply`, { plan: planned });

/** @param {string} id @returns {Promise<Job>} */
export const job = (id) => get(`${HERE}/jobs/${id}`);

/** @param {string} id of the job to play back @returns {Promise<Job>} */
export const undo = (id) => post(`jobs/${id}/undo`, {});

/**
 * Looks until it no longer runs.
 * @template {{state: string}} Watched
 * @param {Watched} first @param {() => Promise<Watched>} look @param {(now: Watched) => void} told
 * @returns {Promise<Watched>}
 */
export async function finished(first, look, told) {
  let now = first;
  told(now);
  while (now.state === "running") {
    await pause(POLL_MS);
    now = await look();
    told(now);
  }
  return now;
}

/**
 * The keys that are marked for removal, of all groups and not only of those that are shown.
 * @param {string} id @returns {Promise<string[]>}
 */
export async function goingKeys(id) {
  const keys = [];
  for (let offset = 0; ; offset += MOST) {
    const { total, groups: found } = await groups(id, { offset, limit: MOST, marked: true });
    for (const { images } of found) keys.push(...images.filter(({ mark }) => mark === "remove").map(({ key }) => key));
    if (offset + MOST >= total) return keys;
  }
}
