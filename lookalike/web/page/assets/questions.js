/** The pictures that were asked about since the page was opened. */

import * as api from "./api.js";
import { facts, onIndexChanged } from "./facts.js";
import { bytes } from "./format.js";
import { smaller } from "./shrinking.js";

/** What a form has beside its files, and a file's name at its longest. */
const FORM_BYTES = 8 << 10;

/**
 * `id`: what the address of a search names it by. `name`: of the file, the URL, or the key. `src`: of a file, for an
 * `<img>`; `preview`: a small copy that the server made; `image`: what the index has under the key. `blob`: what is
 * sent of a file, which is a smaller copy where `note` says so.
 * @typedef {{id: string, kind: "file"|"url"|"key", name: string, blob?: Blob, src?: string, preview?: string,
 *   image?: api.Image, width?: number, height?: number, sha256?: string, note?: string}} Question
 */

/** @type {Map<string, Question>} */
const known = new Map();
/** By question and options, so that going back asks nothing. @type {Map<string, api.Answer>} */
const answers = new Map();

onIndexChanged(() => answers.clear());

let files = 0;

/** The parameters in the address of a search for this. @param {Question} question */
export const addressOf = (question) => (question.kind === "file" ? { file: question.id } : { [question.kind]: question.name });

/** @param {File} blob */
export function ofFile(blob) {
  files += 1;
  return remember({ id: `${files}`, kind: "file", name: blob.name || "pasted picture", blob, src: URL.createObjectURL(blob) });
}

/**
 * The question in the address of a search; null where there is none, or where the file was another page's.
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

/** Makes it small enough for a request. @param {Question} question */
async function fit(question) {
  const { blob } = question;
  if (!blob || question.note) return;
  const { limits } = await facts();
  const most = Math.min(limits.bytes, limits.body - FORM_BYTES);
  if (blob.size <= most) return;
  const sizes = `It has ${bytes(blob.size)}, and this server takes ${bytes(most)}`;
  const copy = await smaller(blob, most);
  if (!copy) {
    throw new api.Problem({
      status: 413,
      code: "picture-too-large-bytes",
      title: "The picture is too large",
      detail: sizes,
      help: "This browser cannot make a smaller copy of it: send one as a JPEG.",
    });
  }
  Object.assign(question, copy, { note: `${sizes}, so a smaller copy of it was searched for.` });
}

/**
 * Asks the server, once for the same question and options.
 * @param {Question} question
 * @param {{family?: string, limit: number, orientations: boolean, negatives: boolean}} options
 * @param {AbortSignal} signal
 * @returns {Promise<api.Answer>}
 */
export async function ask(question, options, signal) {
  const name = JSON.stringify([question.id, options]);
  let answer = answers.get(name);
  if (!answer) {
    if (question.kind === "key") question.image = await api.image(question.name);
    await fit(question);
    // a picture of the index is the best answer to itself, which nobody asked for
    const limit = question.kind === "key" ? options.limit + 1 : options.limit;
    answer = await api.search(question, { ...options, limit }, signal);
    if (question.kind === "key") answer.hits = answer.hits.filter(({ key }) => key !== question.name).slice(0, options.limit);
    // of a part of the index: asked again it may be of all
    if (!answer.partial) answers.set(name, answer);
  }
  const { width, height, sha256 } = question.image ?? (question.note ? question : answer.question);
  Object.assign(question, { width, height, sha256, preview: answer.question.preview ?? question.preview });
  return answer;
}
