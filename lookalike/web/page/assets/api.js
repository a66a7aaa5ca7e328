/** The HTTP API: every request that the page sends. */

/**
 * @typedef {{key: string, width: number, height: number, sha256: string | null, added: string, meta: Record<string, any>,
 *   source?: Record<string, any>}} Image
 * @typedef {Image & {rank: number, score: number, distance: number|null, orientation: string, family: string,
 *   confidence: "certain"|"likely"|"weak"|null, is_match: boolean, families: {family: string}[], reason: string|null,
 *   overlap?: import("./overlap.js").Overlap, link?: string}} Hit
 * @typedef {{family: string, reason: "certain"|"cold", whole: boolean}} NotAsked
 * @typedef {{kind: string, name: string|null, width?: number, height?: number, preview?: string}} Asked
 * @typedef {{family: string, took_ms: number, question: Asked, searched: number, hits: Hit[], partial?: boolean,
 *   missing?: string[], not_asked?: NotAsked[]}} Answer
 * @typedef {{method: string, url: string, headers: Record<string, string>}} Offer
 * @typedef {{family: string, score: number, distance: number|null, is_match: boolean,
 *   reason: string|null}} Score
 * @typedef {{name: string, match_score: number, unit: string|null, negatives: boolean}} Family
 */

/** A refusal or failure: problem details of RFC 9457. */
export class Problem extends Error {
  /**
   * @param {{status: number, code: string, title?: string, detail: string, help?: string}} document
   * @param {number|null} [wait] seconds after which to try again, where the server says so
   */
  constructor({ status, code, title = "", detail, help = "" }, wait = null) {
    super(detail);
    Object.assign(this, { name: "Problem", status, code, title, detail, help, wait });
  }
}

const TOKEN = "lookalike.token";

/** Attempts at sending a change to a busy server. */
const PATIENCE = 20;

/** Set by the dialog that asks for a token. @type {(problem: any) => Promise<boolean>} */
let askForToken = async () => false;
/** @type {Promise<boolean>|null} */
let asking = null;

/** @param {typeof askForToken} ask resolves to whether one was entered */
export const onTokenWanted = (ask) => void (askForToken = ask);
export const token = () => sessionStorage.getItem(TOKEN);
/** Kept while the tab is open. @param {string} text */
export const setToken = (text) => sessionStorage.setItem(TOKEN, text);
export const forgetToken = () => sessionStorage.removeItem(TOKEN);

/** One dialog, however many requests were refused at once. @param {any} problem */
const tokenGiven = (problem) => (asking ??= askForToken(problem).finally(() => (asking = null)));

/** @returns {Record<string, string>} */
const authorization = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

/** Resolves a path relative to the page, which may lie below the root of its host. @param {string} path */
const address = (path) => new URL(path, document.baseURI).href;

const unreachable = () =>
  new Problem({
    status: 0,
    code: "unreachable",
    title: "No connection",
    detail: "the server cannot be reached",
    help: "Check that it is running and that you are online, then try again.",
  });

/** @param {number} status @param {string} text the body @param {string|null} retryAfter the header @returns {any} */
function problemOf(status, text, retryAfter) {
  try {
    return new Problem({ status, ...JSON.parse(text) }, retryAfter === null ? null : Number(retryAfter));
  } catch {
    return new Problem({ status, code: "no-answer", detail: `the server answered ${status} without an explanation` });
  }
}

/**
 * @param {string} method @param {string} path
 * @param {{json?: any, form?: FormData, signal?: AbortSignal}} [what]
 * @returns {Promise<Response>} an answer that is not an error
 */
export async function send(method, path, { json, form, signal } = {}) {
  const sent = token();
  const headers = { Accept: "application/json", ...authorization() };
  if (json) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address(path), { method, headers, body: json ? JSON.stringify(json) : form, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  const problem = problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  // another request may have got a token meanwhile
  if (response.status === 401 && (token() !== sent || (await tokenGiven(problem)))) {
    return send(method, path, { json, form, signal });
  }
  throw problem;
}

/** @param {string} path @param {any} [query] @param {AbortSignal} [signal] */
export const get = async (path, query = {}, signal = undefined) => {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const text = new URLSearchParams(given).toString();
  return (await send("GET", text ? `${path}?${text}` : path, { signal })).json();
};

/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The key is in the query: some gateways change what is encoded in a path.
 * @param {string} key @param {""|"/thumbnail"|"/content"} [part]
 */
const imagePath = (key, part = "") => `v1/images${part}?key=${encodeURIComponent(key)}`;

export const stats = () => get("v1/stats");

/** @param {{prefix?: string, contains?: string, after?: string|null, limit?: number}} query @returns {Promise<{images: Image[], next: string|null}>} */
export const list = (query) => get("v1/images", query);

/** @param {string} key @returns {Promise<Image & {signatures: Record<string, string>}>} */
export const image = (key) => get(imagePath(key));

/** The image of this key, or null where there is none. @param {string} key */
export const find = (key) =>
  image(key).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });

/**
 * Repeats work that a busy server refuses, after the wait that it asks for. A long list of images needs this.
 * @template Result
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
async function patiently(work) {
  for (let left = PATIENCE; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      const { status, wait } = /** @type {any} */ (error);
      if (status !== 429 || wait === null || left === 0) throw error;
      await pause(wait * 1000);
    }
  }
}

/** @param {string} key */
export const remove = (key) => patiently(() => send("DELETE", imagePath(key)));

/**
 * @param {{kind: string, name: string, blob?: Blob}} question
 * @param {{family: string, limit: number, orientations: boolean, negatives: boolean, thorough: boolean}} options
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
export async function search(question, options, signal) {
  const response = await send("POST", "v1/search", { ...body([question], { ...options, preview: true }), signal });
  const { family, took_ms, answers } = await response.json();
  return { family, took_ms, ...answers[0] };
}

/** @param {any} a a question @param {any} b another @returns {Promise<Score[]>} */
export async function compare(a, b) {
  const what = a.blob || b.blob ? body([a, b]) : { json: { a: { [a.kind]: a.name }, b: { [b.kind]: b.name } } };
  return (await (await send("POST", "v1/compare", what)).json()).scores;
}

/** A form where a question is a file, otherwise JSON. @param {any[]} questions @param {any} [options] */
function body(questions, options = {}) {
  const given = Object.entries(options).filter(([, value]) => value != null && value !== "");
  if (!questions.some((question) => question.blob)) {
    return { json: Object.fromEntries([...questions.map(({ kind, name }) => [kind, name]), ...given]) };
  }
  const form = new FormData();
  for (const { kind, name, blob } of questions) blob ? form.append("file", blob, name) : form.append(kind, name);
  for (const [name, value] of given) form.append(name, String(value));
  return { form };
}

/** @param {Image} image */
export const thumbnailPath = ({ key, sha256 }) => address(`${imagePath(key, "/thumbnail")}&v=${sha256 ?? ""}`);

/** The original, or the thumbnail where the server has no original to send. @param {Image} image */
export const contentPath = ({ key, sha256 }) => address(`${imagePath(key, "/content")}&v=${sha256 ?? ""}&fallback=thumbnail`);

/** @param {string} url of this server @returns {Promise<Blob>} fetched with the token, which an `<img>` cannot send */
export const fetchPicture = async (url) => (await send("GET", url)).blob();

/**
 * Adds a picture that fits in a request.
 * @param {string} key @param {File} file
 * @param {{keep: boolean, onprogress: (share: number) => void}} how `keep`: do not replace an image with this key
 * @returns {Promise<Image & {replaced: boolean}>}
 */
export const put = (key, file, how) => patiently(() => putOnce(key, file, how));

/** @type {typeof put} */
async function putOnce(key, file, how) {
  const sent = token();
  const headers = { ...authorization(), "Content-Type": "application/octet-stream" };
  if (how.keep) headers["If-None-Match"] = "*";
  try {
    return JSON.parse(await transmit("PUT", address(imagePath(key)), headers, file, how.onprogress));
  } catch (error) {
    const { status } = /** @type {any} */ (error);
    if (status === 401 && (token() !== sent || (await tokenGiven(error)))) return putOnce(key, file, how);
    throw error;
  }
}

/** Gets an address for a picture that does not fit in a request. @param {string} key @param {number} size @returns {Promise<Offer>} */
export const offer = async (key, size) =>
  (await patiently(() => send("POST", "v1/uploads", { json: { key, bytes: size } }))).json();

/**
 * Puts a picture to an address: at this service, which answers as for `put`, or elsewhere.
 * @param {Offer} where @param {File} file @param {(share: number) => void} onprogress
 * @returns {Promise<(Image & {replaced: boolean})|null>} null for an address elsewhere
 */
export async function putThere({ method, url, headers }, file, onprogress) {
  const text = await patiently(() => transmit(method, url, headers, file, onprogress));
  return new URL(url, location.href).origin === location.origin ? JSON.parse(text) : null;
}

/**
 * Sends a file and reports progress, which fetch cannot.
 * @param {string} method @param {string} url @param {Record<string, string>} headers @param {File} file
 * @param {(share: number) => void} onprogress
 * @returns {Promise<string>} the body of an answer that is not an error
 */
function transmit(method, url, headers, file, onprogress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onprogress(total ? loaded / total : 0);
    request.onload = () => {
      const { status, responseText } = request;
      if (status < 400) resolve(responseText);
      else reject(problemOf(status, responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(unreachable());
    request.send(file);
  });
}
