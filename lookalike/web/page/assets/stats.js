/** Statistics: the numbers of the index. */

import { maxAdded } from "./adding.js";
import { el, fill } from "./dom.js";
import { facts, inPeoplesWords, strength } from "./facts.js";
import { ago, bytes, count, number, time } from "./format.js";
import { problemBox } from "./problems.js";

export function statsView() {
  const body = el("div", {});
  const element = el("section", { class: "view stats" }, el("h1", {}, "Statistics"), body);

  async function update() {
    try {
      fill(body, ...described(await facts({ again: true })));
    } catch (error) {
      fill(body, problemBox(error, update));
    }
  }
  return { element, title: "Statistics", update, taker: null, focus: null, about: () => "" };
}

/** @param {any} stats */
function described(stats) {
  return [
    stats.wide > 0 &&
      el(
        "p",
        { class: "note" },
        `The index is being resharded: ${number(stats.wide)} of its ${count(stats.segments, "segment")} `,
        `${stats.wide === 1 ? "has" : "have"} still to be split among ${count(stats.shards, "shard")}. Searching and adding go on meanwhile.`,
      ),
    el(
      "dl",
      { class: "tiles" },
      tile("Images", number(stats.images)),
      stats.size > 0 && tile("Room that the index takes", bytes(stats.size), `${bytes(Math.round(stats.size / stats.images))} an image, beside your files`),
      tile("Small copies for this page", stats.thumbnails ? "kept" : "not kept", stats.thumbnails ? `${stats.thumbnails} pixels` : "made from your files"),
    ),
    el("h2", {}, "What can be sent here"),
    el(
      "dl",
      { class: "list" },
      fact("A picture", `up to ${bytes(maxAdded(stats.limits))} and ${number(stats.limits.pixels)} pixels`),
      fact("Pictures by address", stats.limits.urls ? "fetched by the server" : "not fetched"),
      fact("lookalike", stats.version),
      stats.index && fact("Index", stats.index),
    ),
    el("h2", {}, "How pictures are compared"),
    bars(stats),
    machineRoom(stats),
  ];
}

/** What only those ask who run the index. @param {any} stats */
const machineRoom = (stats) =>
  el(
    "details",
    { class: "signatures machine-room" },
    el("summary", {}, "Machine room"),
    el(
      "dl",
      { class: "tiles" },
      tile("Segments", number(stats.segments), `in ${count(stats.shards, "shard")}`),
      tile("Not folded yet", number(stats.tail_images), `in ${count(stats.tail, "log object")}`),
      tile("Last fold", ago(stats.last_fold), stats.last_fold ? time(stats.last_fold) : "no fold yet"),
      tile("Replaced or deleted", number(stats.dead), "rows that wait for a merge"),
    ),
    el(
      "dl",
      { class: "list" },
      fact("A request", `up to ${bytes(stats.limits.body)}`),
      fact("Manifest", `version ${number(stats.manifest_version)}`),
    ),
  );

/** @param {string} name @param {string} value @param {string} [more] */
const tile = (name, value, more) =>
  el("div", {}, el("dt", {}, name), el("dd", {}, el("strong", {}, value), more && el("span", { class: "quiet" }, more)));

/** @param {string} name @param {string} value */
const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, el("bdi", {}, value)));

/** @param {any} stats */
function bars({ bytes_by_family: sizes, families, images, size }) {
  const largest = Math.max(1, ...Object.values(sizes));
  return el(
    "ul",
    { class: "bars" },
    ...families.map((/** @type {{name: string}} */ { name }) =>
      el(
        "li",
        {},
        el("span", { class: "name" }, inPeoplesWords(name), el("small", { class: "code" }, name)),
        // images that are only in the log have no size yet
        size > 0 && el("span", { class: "bar", vars: { "--share": (sizes[name] ?? 0) / largest } }),
        size > 0 && el("span", { class: "figure" }, bytes(sizes[name] ?? 0)),
        el("span", { class: "quiet" }, images && sizes[name] ? `${Math.round(sizes[name] / images)} bytes an image. ${strength(name)}` : strength(name)),
      ),
    ),
  );
}
