// Addresses and pages: links under the base path, filters in the query, and the way back to where one was.

import {base} from "./api.js";
import {h} from "./dom.js";

/** @typedef {{path: string, params: Record<string, string>, query: URLSearchParams, kept: any, restored: boolean}} Place */
/**
 * @typedef {object} Page
 * @property {HTMLElement} element
 * @property {string} title
 * @property {(tell: (path: string, text: string) => void) => void} [above] tells what the page stands under, when it has read it
 * @property {string} [section] the entry of the navigation, where the address does not say it
 * @property {() => import("./keys.js").Binding[]} [keys]
 * @property {() => void} [stop]
 * @property {() => any} [keep] what to hand to this page when one comes back to it
 */
/** @typedef {{pattern: RegExp, names: string[], load: () => Promise<(place: Place) => Page>}} Route */

/** @type {Map<string, {scroll: number, kept: any}>} by history entry */
const memory = new Map();
const MOST = 50;

/** @type {{key: string, page: Page|null}} */
let current = {key: "", page: null};
/** @type {(place: Place, fresh: boolean) => Promise<Page|null>} */
let show = async () => null;

/** @param {string} pattern such as "/runs/{id}" @param {() => Promise<(place: Place) => Page>} load @returns {Route} */
export function route(pattern, load) {
  /** @type {string[]} */
  const names = [];
  const source = pattern.replace(/\{(\w+)\}/g, (_, name) => {
    names.push(name);
    return "([^/]+)";
  });
  return {pattern: new RegExp(`^${source}/?$`), names, load};
}

/** @param {Route[]} routes @param {string} path @returns {{route: Route, params: Record<string, string>}|null} */
export function find(routes, path) {
  for (const each of routes) {
    const match = each.pattern.exec(path);
    if (match) return {route: each, params: Object.fromEntries(each.names.map((name, index) => [name, decoded(match[index + 1])]))};
  }
  return null;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a path of the dashboard. @param {string} path */
export const href = (path) => `${base}${path}`;

/** @param {string} path @param {...import("./dom.js").Child} children */
export const link = (path, ...children) => h("a", {class: "link", href: href(path)}, ...children);

/** The path below the base, and the query. */
export const here = () => ({path: location.pathname.slice(base.length) || "/", query: new URLSearchParams(location.search)});

/** Opens a path. @param {string} path @param {{replace?: boolean}} [options] */
export function go(path, {replace = false} = {}) {
  leave();
  const key = fresh();
  history[replace ? "replaceState" : "pushState"]({key}, "", href(path));
  void arrive(key, true);
}

/**
 * Changes the query of the present page, without making the page anew. null takes a name out.
 * @param {Record<string, string|number|null|undefined>} changes
 */
export function replaceQuery(changes) {
  const query = here().query;
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, String(value));
  }
  history.replaceState(history.state, "", address(query));
}

/** Sets the whole query as a new step of the history: Back undoes it. @param {URLSearchParams} query */
export function pushQuery(query) {
  if (query.toString() === here().query.toString()) return;
  leave();
  const key = fresh();
  current.key = key;
  history.pushState({key}, "", address(query));
}

/** @param {URLSearchParams} query */
function address(query) {
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3D", "=").replaceAll("%3A", ":");
  return location.pathname + (text ? `?${text}` : "");
}

const fresh = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;

/** Notes how the page was left. */
function leave() {
  if (!current.key || !current.page) return;
  memory.set(current.key, {scroll: window.scrollY, kept: current.page.keep?.() ?? null});
  const first = memory.keys().next().value;
  if (memory.size > MOST && first !== undefined) memory.delete(first);
}

/** @param {string} key @param {boolean} isNew */
async function arrive(key, isNew) {
  current = {key, page: null};
  const {path, query} = here();
  const kept = isNew ? undefined : memory.get(key);
  const page = await show({path, params: {}, query, kept: kept?.kept ?? null, restored: kept !== undefined}, isNew);
  if (current.key !== key || !page) return;
  current.page = page;
  window.scrollTo(0, kept?.scroll ?? 0);
}

/** @param {MouseEvent} event */
function clicked(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!(anchor instanceof HTMLAnchorElement) || anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin) return;
  const path = anchor.pathname;
  if (anchor.hash || !(path === base || path.startsWith(`${base}/`)) || /^\/(api|static|health|metrics)(\/|$)/.test(path.slice(base.length))) return;
  event.preventDefault();
  go((path.slice(base.length) || "/") + anchor.search);
}

/**
 * Begins: shows the page of the present address, and of every later one.
 * @param {(place: Place, fresh: boolean) => Promise<Page|null>} shown
 */
export function start(shown) {
  show = shown;
  history.scrollRestoration = "manual";
  const key = history.state?.key ?? fresh();
  history.replaceState({key}, "", location.href);
  window.addEventListener("popstate", (event) => {
    leave();
    void arrive(event.state?.key ?? fresh(), false);
  });
  document.addEventListener("click", clicked);
  return arrive(key, true);
}
