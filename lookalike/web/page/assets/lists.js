/** Lists of keys that a person takes away as a file. */

/**
 * The list as `lookalike remove INDEX -` reads it: one key per line, or, where a key has a line break, each key followed
 * by NUL for its option -0.
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
  // later, because the browser reads the file after this function returns
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
