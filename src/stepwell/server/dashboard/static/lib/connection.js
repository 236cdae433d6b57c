// Whether the server can be reached: one truth for the live dot and the bar on top of the page.

import {signal} from "./dom.js";

/**
 * @typedef {object} Connection
 * @property {"ok"|"lost"} state
 * @property {number|null} since when it was lost, in milliseconds
 * @property {number|null} seen when something was last heard
 * @property {number|null} again when it is tried again
 */

/** @type {{value: Connection}} */
export const connection = signal(/** @type {Connection} */ ({state: "ok", since: null, seen: null, again: null}));
/** @type {Set<() => void>} */
const waiting = new Set();

/** Something was heard from the server. */
export function reached() {
  const {state, seen} = connection.value;
  const now = Date.now();
  if (state === "ok" && seen !== null && now - seen < 1000) return;
  connection.value = {state: "ok", since: null, seen: now, again: null};
}

/** The server did not answer. @param {number|null} [again] when it is tried again */
export function lost(again = null) {
  const was = connection.value;
  connection.value = {state: "lost", since: was.since ?? Date.now(), seen: was.seen, again: again ?? was.again};
}

/** Calls back when somebody asks to try at once; the answer takes it back. @param {() => void} retry */
export function onTryNow(retry) {
  waiting.add(retry);
  return () => void waiting.delete(retry);
}

/** Tries all that waits for the connection now. */
export function tryNow() {
  for (const retry of [...waiting]) retry();
}
