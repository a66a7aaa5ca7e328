/** The pictures that were asked about since the page was opened. */

import * as api from "./api.js";
import { onIndexChanged } from "./facts.js";

/**
 * `id`: what the address of a search names it by. `name`: of the file, the URL, or the key. `src`: of a file, for an
 * `<img>`; `preview`: a small copy that the server made; `image`: what the index has under the key.
 * @typedef {{id: string, kind: "file"|"url"|"key", name: string, blob?: File, src?: string, preview?: string,
 *   image?: api.Image, width?: number, height?: number, sha256?: string}} Question
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
    // a picture of the index is the best answer to itself, which nobody asked for
    const limit = question.kind === "key" ? options.limit + 1 : options.limit;
    answer = await api.search(question, { ...options, limit }, signal);
    if (question.kind === "key") answer.hits = answer.hits.filter(({ key }) => key !== question.name).slice(0, options.limit);
    answers.set(name, answer);
  }
  const { width, height, sha256 } = question.image ?? answer.question;
  Object.assign(question, { width, height, sha256, preview: answer.question.preview ?? question.preview });
  return answer;
}
