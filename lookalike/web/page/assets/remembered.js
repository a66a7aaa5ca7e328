/** Files that were searched for, kept by the browser for a day, so that a reload does not lose them. */

const DAY_MS = 24 * 3600 * 1000;
/** Files of more bytes than that are not kept. */
const LARGEST = 64 << 20;

/** @typedef {{id: string, name: string, blob: Blob, when: number}} Kept */

/** @returns {Promise<IDBObjectStore>} */
function store() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("lookalike", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("files", { keyPath: "id" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => resolve(opening.result.transaction("files", "readwrite").objectStore("files"));
  });
}

/** @template Result @param {IDBRequest<Result>} request @returns {Promise<Result>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Keeps a file, and forgets those of days before. Where a browser keeps nothing, a reload loses it. @param {string} id @param {string} name @param {Blob} blob */
export async function keep(id, name, blob) {
  if (blob.size > LARGEST) return;
  try {
    const files = await store();
    for (const old of /** @type {Kept[]} */ (await done(files.getAll()))) if (Date.now() - old.when > DAY_MS) files.delete(old.id);
    await done(files.put({ id, name, blob, when: Date.now() }));
  } catch {
    // a private window, or no room left
  }
}

/** @param {string} id @returns {Promise<Kept|null>} */
export async function recall(id) {
  try {
    return (await done((await store()).get(id))) ?? null;
  } catch {
    return null;
  }
}
