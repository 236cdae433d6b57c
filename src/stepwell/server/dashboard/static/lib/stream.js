// Server-sent events over fetch: resumes with Last-Event-ID, waits longer after each failure, rests while the page is hidden.

import {lost, onTryNow, reached} from "./connection.js";

/**
 * @typedef {object} Handlers
 * @property {Record<string, (data: any) => void>} on by the event's name; data is parsed
 * @property {() => void} [begun] from now on whatever happens is told: what was read before may be older
 * @property {(since: number|null) => void} [lost] since when nothing can be shown live; null: it is live again
 */

const PAUSES = [1000, 2000, 4000, 8000, 15000];
const SILENT = 40_000;
const HIDDEN = 30_000;

/**
 * @param {string} url @param {Handlers} handlers
 * @returns {{close: () => void}}
 */
export function openStream(url, handlers) {
  let closed = false;
  let failures = 0;
  let last = "";
  let timer = 0;
  let quiet = 0;
  let hidden = 0;
  /** @type {number|null} */
  let since = null;
  /** @type {AbortController|null} */
  let open = null;

  async function connect() {
    clearTimeout(timer);
    timer = 0;
    if (closed || open || document.hidden) return;
    const control = (open = new AbortController());
    let ended = false;
    try {
      const response = await fetch(url, {headers: {Accept: "text/event-stream", ...(last ? {"Last-Event-ID": last} : {})}, signal: control.signal, cache: "no-store", credentials: "same-origin"});
      if (!response.ok || !response.body) throw Object.assign(new Error(`stream: ${response.status}`), {status: response.status});
      await read(response.body, control);
      ended = true;
    } catch (error) {
      if (/** @type {any} */ (error)?.status && /** @type {any} */ (error).status < 429) closed = true;
    } finally {
      clearTimeout(quiet);
      if (open === control) open = null;
    }
    if (closed || document.hidden || control.signal.reason === "rest") return;
    again(ended ? 250 : undefined);
  }

  /** @param {number} [pause] */
  function again(pause) {
    const wait = pause ?? PAUSES[Math.min(failures, PAUSES.length - 1)];
    failures += 1;
    if (pause === undefined) {
      since ??= Date.now();
      handlers.lost?.(since);
      lost(Date.now() + wait);
    }
    timer = window.setTimeout(() => void connect(), wait);
  }

  /** @param {ReadableStream<Uint8Array>} body @param {AbortController} control */
  async function read(body, control) {
    const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
    let rest = "";
    heard(control);
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      heard(control);
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) tell(block);
    }
  }

  /** @param {AbortController} control */
  function heard(control) {
    clearTimeout(quiet);
    quiet = window.setTimeout(() => control.abort(), SILENT);
    failures = 0;
    if (since !== null) handlers.lost?.(null);
    since = null;
    reached();
  }

  /** @param {string} block the lines of one event */
  function tell(block) {
    let name = "message";
    let data = "";
    let place = "";
    for (const line of block.split("\n")) {
      if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data += (data ? "\n" : "") + line.slice(5).trimStart();
      else if (line.startsWith("id:")) place = last = line.slice(3).trim();
    }
    if (!closed && name === "ping" && place) handlers.begun?.();
    if (closed || name === "ping" || (!data && name === "message")) return;
    handlers.on[name]?.(data ? JSON.parse(data) : null);
  }

  function visibility() {
    clearTimeout(hidden);
    if (document.hidden) hidden = window.setTimeout(() => open?.abort("rest"), HIDDEN);
    else void connect();
  }

  const forget = onTryNow(() => void connect());
  document.addEventListener("visibilitychange", visibility);
  void connect();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      clearTimeout(hidden);
      document.removeEventListener("visibilitychange", visibility);
      forget();
      open?.abort();
    },
  };
}
