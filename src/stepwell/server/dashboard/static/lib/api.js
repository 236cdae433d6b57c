// The REST API as the pages see it: JSON in and out, refusals as `Problem`, the session with its scopes.

import {signal} from "./dom.js";
import {lost, reached} from "./connection.js";
import {heardDate} from "./servertime.js";
import {openStream} from "./stream.js";

const meta = document.querySelector('meta[name="stepwell-base"]');
/** Where the server is mounted: "" or "/path". */
export const base = (meta?.getAttribute("content") ?? "").replace(/\/+$/, "");

/** @typedef {{path: string, message: string}} FieldError */
/** @typedef {Record<string, string|number|boolean|null|undefined|readonly (string|number)[]>|URLSearchParams} Query */

/** Why a request was refused, in the server's words; status 0: it did not answer. */
export class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body?.detail || body?.title || `The server answered ${status}.`);
    this.name = "Problem";
    this.status = status;
    /** @type {string} */ this.code = body?.code ?? `HTTP_${status}`;
    /** @type {string} */ this.detail = this.message;
    /** @type {string|null} */ this.hint = body?.hint ?? null;
    /** @type {string|null} */ this.expected = body?.expected ?? null;
    /** @type {FieldError[]} */ this.errors = Array.isArray(body?.errors) ? body.errors : [];
    /** @type {number|null} seconds */ this.retryAfter = null;
  }
}

/** Whether an error only says that nobody waits for the answer any more. @param {any} error */
export const isAborted = (error) => error?.name === "AbortError";

/** Who is here, and what they may do. */
export const session = {
  authenticated: false,
  open: false,
  /** @type {string|null} */ name: null,
  /** @type {string[]} */ scopes: [],
  /** @type {string|null} */ csrf: null,
  namespace: "",
  database: "",
  version: "",
  /** @type {string|null} */ expires_at: null,
  /** @param {string} scope "read", "operate", "execute" or "admin", which implies all */
  can: (scope) => session.scopes.includes(scope) || session.scopes.includes("admin"),
};

/** Counts how often the server said that nobody is logged in. */
export const signedOut = signal(0);

/** @param {any} data */
function take(data) {
  for (const name of /** @type {const} */ (["authenticated", "open", "name", "scopes", "csrf", "namespace", "database", "version", "expires_at"])) {
    if (data && name in data) /** @type {any} */ (session)[name] = data[name];
  }
}

export const loadSession = async () => take(await api.get("/session"));
/** @param {string} key */
export const signIn = async (key) => take(await api.post("/session", {key}));
export async function signOut() {
  await api.remove("/session");
  take({authenticated: false, scopes: [], csrf: null, name: null});
}

/** @param {string} path @param {Query} [query] */
function url(path, query) {
  const params = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (query && !(query instanceof URLSearchParams)) {
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) if (one !== null && one !== undefined && one !== "") params.append(name, String(one));
    }
  }
  const text = params.toString();
  return `${base}/api/v1${path}${text ? (path.includes("?") ? "&" : "?") + text : ""}`;
}

/**
 * @param {string} method @param {string} path @param {Query} [query] @param {any} [body]
 * @param {{signal?: AbortSignal, headers?: Record<string, string>}} [options]
 */
async function call(method, path, query, body, options = {}) {
  /** @type {Record<string, string>} */
  const headers = {Accept: "application/json", ...options.headers};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && session.csrf) headers["X-CSRF-Token"] = session.csrf;
  /** @type {Response} */
  let response;
  const asked = Date.now();
  try {
    response = await fetch(url(path, query), {method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: options.signal, credentials: "same-origin"});
  } catch (error) {
    if (isAborted(error)) throw error;
    lost();
    throw new Problem(0, {code: "NO_ANSWER", detail: "The server does not answer.", hint: "Is it still running?"});
  }
  reached();
  heardDate(response, asked);
  const text = await response.text();
  const data = text ? parsed(text) : null;
  if (response.ok) return data;
  const problem = new Problem(response.status, data);
  problem.retryAfter = Number(response.headers.get("Retry-After")) || null;
  if (response.status === 401 && path !== "/session") {
    session.authenticated = false;
    signedOut.value += 1;
  }
  throw problem;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {detail: "The answer is not JSON.", hint: text.slice(0, 200)};
  }
}

export const api = {
  url,
  /** @param {string} path @param {Query} [query] @param {{signal?: AbortSignal}} [options] @returns {Promise<any>} */
  get: (path, query, options) => call("GET", path, query, undefined, options),
  /** @param {string} path @param {any} [body] @param {{signal?: AbortSignal, headers?: Record<string, string>}} [options] @returns {Promise<any>} */
  post: (path, body, options) => call("POST", path, undefined, body, options),
  /** @param {string} path @returns {Promise<any>} */
  remove: (path) => call("DELETE", path),
  /**
   * Server-sent events of a path, kept open; see `openStream`.
   * @param {string} path @param {import("./stream.js").Handlers} handlers @param {Query} [query]
   */
  stream: (path, handlers, query) => openStream(url(path, query), handlers),
};
