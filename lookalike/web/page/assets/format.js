/** Numbers, sizes and names as people read them. */

const LOCALE = "en";
const whole = new Intl.NumberFormat(LOCALE);
const moment = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const sortable = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

/** @param {string} between @param {...(string|null|undefined|false)} parts of which empty ones are left out */
export const joined = (between, ...parts) => parts.filter(Boolean).join(between);

/** `1 image`, `2,000 images`. @param {number} n @param {string} noun @param {string} [plural] */
export const count = (n, noun, plural = `${noun}s`) => `${whole.format(n)} ${n === 1 ? noun : plural}`;

/** @param {number} n */
export const number = (n) => whole.format(n);

/** @param {number} n bytes */
export function bytes(n) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit += 1;
  }
  return `${unit === 0 || n >= 100 ? whole.format(Math.round(n)) : n.toFixed(1)} ${units[unit]}`;
}

/** @param {{width?: number, height?: number}} picture */
export const pixels = ({ width, height }) => (width && height ? `${whole.format(width)} × ${whole.format(height)}` : "");

/** Rounded down, so that only equal pictures show 100. @param {number} score */
export const score = (score) => (Math.floor(score * 10) / 10).toFixed(1);

/** @param {number|null} distance @param {string|null|undefined} unit */
export function distance(distance, unit) {
  if (distance == null) return "";
  return unit === "bits" ? count(distance, "bit") : `distance ${distance.toFixed(3)}`;
}

/** How the question was turned to match; empty where it was not. @param {string|undefined} orientation */
export const turning = (orientation = "as is") => orientation.replace(/^as is(, )?/, "");

/** @param {string|null} iso RFC 3339 */
export const time = (iso) => (iso ? moment.format(new Date(iso)) : "never");

/** `2019-05-03 12:00`, where there is little room. @param {string} iso RFC 3339, or the local time of a camera */
export const shortTime = (iso) => sortable.format(new Date(iso)).replace(",", "");

/** `3 minutes ago`. @param {string|null} iso RFC 3339 */
export function ago(iso) {
  if (!iso) return "never";
  let passed = (Date.parse(iso) - Date.now()) / 1000;
  for (const [unit, size] of /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
    ["second", 60],
    ["minute", 60],
    ["hour", 24],
    ["day", 365],
  ])) {
    if (Math.abs(passed) < size) return relative.format(Math.round(passed), unit);
    passed /= size;
  }
  return relative.format(Math.round(passed), "year");
}

/** The folder of a key, with its slash, and the name in it. @param {string} key @returns {[string, string]} */
export function split(key) {
  const slash = key.lastIndexOf("/", key.length - 2);
  return [key.slice(0, slash + 1), key.slice(slash + 1)];
}

/** @param {any} value of a metadata field */
export const metadata = (value) => (typeof value === "string" ? value : JSON.stringify(value));
