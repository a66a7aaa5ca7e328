/** The page: its views, and what they share. */

import * as api from "./api.js";
import { browseView } from "./browse.js";
import { tokenAsked } from "./dialogs.js";
import { el } from "./dom.js";
import { listen } from "./intake.js";
import { reviewView } from "./review.js";
import { here } from "./router.js";
import { searchView } from "./search.js";
import { statsView } from "./stats.js";
import { uploadView } from "./upload.js";

/**
 * `update` is called whenever the address changes. `taker` handles pictures that are dropped or pasted; null starts a
 * search with them.
 * @typedef {{element: HTMLElement, title: string, update: (params: URLSearchParams) => any,
 *   taker: import("./intake.js").Taker|null, focus: (() => void)|null, about: () => string}} View
 */

/** @type {Record<string, () => View>} */
const MAKERS = {
  search: searchView,
  browse: browseView,
  duplicates: reviewView,
  add: uploadView,
  stats: statsView,
};

/** A view stays as it is while another one is shown. @type {Map<string, View>} */
const views = new Map();
/** Where each view was scrolled to. @type {Map<string, number>} */
const scrolled = new Map();
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
let current = "";

/** @param {string} name */
function view(name) {
  let made = views.get(name);
  if (!made) {
    made = MAKERS[name]();
    views.set(name, made);
    main.append(made.element);
  }
  return made;
}

async function show() {
  const { view: wanted, params } = here();
  const name = wanted in MAKERS ? wanted : "search";
  const shown = view(name);
  if (name !== current) {
    if (current) scrolled.set(current, scrollY);
    for (const [other, { element }] of views) element.hidden = other !== name;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    // close what lies over the previous view
    if (current) for (const dialog of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (dialog).close();
    current = name;
    scrollTo(0, scrolled.get(name) ?? 0);
  }
  document.title = `${shown.title} · lookalike`;
  await shown.update(params);
  if (current === name && shown.about()) document.title = `${shown.about()} · lookalike`;
}

addEventListener("hashchange", show);

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("input:not([type=radio], [type=checkbox], [type=range]), textarea") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  const focus = views.get(current)?.focus;
  if (focus) focus();
  else {
    location.hash = "#/search";
    // the event of the change comes too late for the focus
    show();
    view("search").focus?.();
  }
});

document.querySelector(".skip")?.addEventListener("click", (event) => {
  // the fragment of the address names the view, so the link cannot use it
  event.preventDefault();
  main.focus();
});

listen(() => {
  if (document.querySelector("dialog.small[open]")) return null;
  return view(current).taker ?? view("search").taker;
});

api.onTokenWanted(tokenAsked);

const offline = el("p", { class: "offline", role: "status", hidden: navigator.onLine }, "You are offline. You can keep looking at what is shown; searching works again once you are online.");
document.body.prepend(offline);
addEventListener("online", () => (offline.hidden = true));
addEventListener("offline", () => (offline.hidden = false));

show();
