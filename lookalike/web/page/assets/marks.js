/** Which copies are to be removed: marks that last as long as the page, and the list they make. */

/** Of a group's head: kept unless marked. Of a copy: goes unless kept. @type {Map<string, boolean>} */
const decided = new Map();

/** @param {string} key @param {boolean} isHead */
export const goes = (key, isHead) => decided.get(key) ?? !isHead;

/** @param {string} key @param {boolean} isGoing */
export const mark = (key, isGoing) => void decided.set(key, isGoing);

/**
 * The keys that go, of these groups.
 * @param {import("./api.js").Group[]} groups
 * @returns {string[]}
 */
export const going = (groups) =>
  groups.flatMap(({ head, copies }) => [
    ...(goes(head.key, true) ? [head.key] : []),
    ...copies.filter(({ key }) => goes(key, false)).map(({ key }) => key),
  ]);

/** How many of these groups would keep no image. @param {import("./api.js").Group[]} groups */
export const lost = (groups) => groups.filter((group) => going([group]).length === 1 + group.copies.length).length;

/**
 * The list as `lookalike remove INDEX -` reads it: a key a line; or, where a key has a line break, each followed by
 * NUL as with its option -0.
 * @param {string[]} keys
 * @returns {{text: string, name: string, command: string}}
 */
export function listed(keys) {
  const isSplit = keys.some((key) => key.includes("\n"));
  const end = isSplit ? "\0" : "\n";
  const name = isSplit ? "duplicates-nul.txt" : "duplicates.txt";
  return { text: keys.map((key) => key + end).join(""), name, command: `lookalike remove INDEX ${isSplit ? "-0 " : ""}- < ${name}` };
}

/** Hands a text to the browser as a file. @param {string} text @param {string} name */
export function download(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  // not at once: the browser reads it after this
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
