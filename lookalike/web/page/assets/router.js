/** The current view and its parameters, in the fragment of the address (`#/search?key=cat.jpg`), which can be shared. */

/** @typedef {Record<string, string|number|boolean|null|undefined>} Params */

/** @returns {{view: string, params: URLSearchParams}} */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { view: path || "search", params: new URLSearchParams(query) };
}

/** The address of a view, without empty parameters. @param {string} view @param {Params} [params] */
export function to(view, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value != null && value !== "" && value !== false) query.set(name, value === true ? "1" : String(value));
  }
  const text = query.toString();
  return `#/${view}${text ? `?${text}` : ""}`;
}

/** Makes the view read the address again. */
export const again = () => void window.dispatchEvent(new HashChangeEvent("hashchange"));

/** @param {string} view @param {Params} [params] */
export function go(view, params = {}) {
  const address = to(view, params);
  if (address === location.hash) again();
  else location.hash = address;
}

/**
 * Changes parameters of the current view. `quietly`: without a new entry in the history.
 * @param {Params} changes
 * @param {{quietly?: boolean}} [how]
 */
export function change(changes, { quietly = false } = {}) {
  const { view, params } = here();
  const address = to(view, { ...Object.fromEntries(params), ...changes });
  if (address === location.hash) return;
  if (quietly) history.replaceState(history.state, "", address);
  else history.pushState(null, "", address);
  again();
}

/** Opens something over the view; going back closes it. @param {Params} what its parameters */
export function openOver(what) {
  const { view, params } = here();
  history.pushState({ over: true }, "", to(view, { ...Object.fromEntries(params), ...what }));
  again();
}

/** Closes what lies over the view: goes back if this page opened it. @param {...string} names of its parameters */
export function closeOver(...names) {
  if (!here().params.has(names[0])) return;
  if (history.state?.over) history.back();
  else change(Object.fromEntries(names.map((name) => [name, null])), { quietly: true });
}
