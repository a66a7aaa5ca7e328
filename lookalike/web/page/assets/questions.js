/** The questions since the page was opened. */

import * as api from "./api.js";
import { facts, onIndexChanged } from "./facts.js";
import { bytes } from "./format.js";
import { keep, recall } from "./remembered.js";
import { smaller } from "./shrinking.js";

/** Room for the parts of a form beside its file, and for the longest file name. */
const FORM_BYTES = 8 << 10;

/**
 * `id` names the question in the address of a search. `name` is the file's name, the URL, or the key. `src` is a file's
 * URL for an `<img>`, `preview` a small copy from the server, `image` the image of the key. `blob` is sent for a file; it
 * is a smaller copy where `note` says so.
 * @typedef {{id: string, kind: "file"|"url"|"key", name: string, blob?: Blob, src?: string, preview?: string,
 *   image?: api.Image, width?: number, height?: number, sha256?: string, note?: string}} Question
 */

/** @type {Map<string, Question>} */
const known = new Map();
/** Answers by question and options, so that going back sends no request. @type {Map<string, api.Answer>} */
const answers = new Map();

onIndexChanged(() => answers.clear());

/** The parameters of this question in the address of a search. @param {Question} question */
export const addressOf = (question) => (question.kind === "file" ? { file: question.id } : { [question.kind]: question.name });

/** @param {File} blob */
export function ofFile(blob) {
  const id = `${Date.now().toString(36)}${Math.floor(Math.random() * 2 ** 32).toString(36)}`;
  const name = blob.name || "pasted picture";
  keep(id, name, blob);
  return fileNamed(id, name, blob);
}

/** @param {string} id @param {string} name @param {Blob} blob */
const fileNamed = (id, name, blob) => remember({ id, kind: "file", name, blob, src: URL.createObjectURL(blob) });

/** Makes the file in an address known again, which was lost with another page. @param {URLSearchParams} params */
export async function restore(params) {
  const id = params.get("file");
  if (!id || known.has(id)) return;
  const kept = await recall(id);
  if (kept && !known.has(id)) fileNamed(id, kept.name, kept.blob);
}

/**
 * The question in the address of a search; null where there is none, or where its file was lost with another page.
 * @param {URLSearchParams} params
 * @returns {Question|null}
 */
export function ofAddress(params) {
  for (const kind of /** @type {const} */ (["key", "url"])) {
    const name = params.get(kind);
    if (name) return known.get(`${kind}:${name}`) ?? remember({ id: `${kind}:${name}`, kind, name });
  }
  return known.get(params.get("file") ?? "") ?? null;
}

export const all = () => [...known.values()];

/** @param {Question} question */
function remember(question) {
  known.set(question.id, question);
  return question;
}

/** Makes a question small enough for a request. @param {Question} question */
async function fit(question) {
  const { blob } = question;
  if (!blob || question.note) return;
  const { limits } = await facts();
  const maxBytes = Math.min(limits.bytes, limits.body - FORM_BYTES);
  if (blob.size <= maxBytes) return;
  const sizes = `It has ${bytes(blob.size)}, and the limit here is ${bytes(maxBytes)}`;
  const copy = await smaller(blob, maxBytes);
  if (!copy) {
    throw new api.Problem({
      status: 413,
      code: "picture-too-large-bytes",
      title: "The picture is too large",
      detail: sizes,
      help: "This browser cannot make a smaller copy. Send the picture as a JPEG.",
    });
  }
  Object.assign(question, copy, { note: `${sizes}, so a smaller copy was used for the search.` });
}

/**
 * Asks the server, once for the same question and options.
 * @param {Question} question
 * @param {{family: string, limit: number, orientations: boolean, negatives: boolean, thorough: boolean}} options
 * @param {AbortSignal} signal
 * @returns {Promise<api.Answer>}
 */
export async function ask(question, options, signal) {
  const name = JSON.stringify([question.id, options]);
  let answer = answers.get(name);
  if (!answer) {
    if (question.kind === "key") question.image = await api.image(question.name);
    await fit(question);
    // an image of the index is its own best hit, which is left out
    const limit = question.kind === "key" ? options.limit + 1 : options.limit;
    answer = await api.search(question, { ...options, limit }, signal);
    if (question.kind === "key") {
      answer.hits = answer.hits.filter(({ key }) => key !== question.name).slice(0, options.limit);
    }
    // a partial answer is not kept: the next one may be complete
    if (!answer.partial) answers.set(name, answer);
  }
  const { width, height, sha256 } = question.image ?? (question.note ? question : answer.question);
  Object.assign(question, { width, height, sha256, preview: answer.question.preview ?? question.preview });
  return answer;
}
