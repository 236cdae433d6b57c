// One clock for everything on the page that moves by itself: every frame, or every second where motion is unwanted.

import {serverNow} from "../lib/servertime.js";

/** @typedef {(now: number) => void} Listener told the server's time in milliseconds */

/** @type {Set<Listener>} */
const frames = new Set();
/** @type {Set<Listener>} */
const seconds = new Set();
const still = matchMedia("(prefers-reduced-motion: reduce)");
let stopped = 0;
let scheduled = 0;
let lastSecond = 0;

/** The server's time, as far as this browser knows; it stands still while the connection is lost. */
export const now = () => stopped || serverNow();

/** @param {boolean} lost stops all that moves, or lets it go on */
export function hold(lost) {
  stopped = lost ? stopped || now() : 0;
  schedule();
}

/**
 * Calls back while something moves; the answer ends it.
 * @param {Listener} listener
 * @param {"frame"|"second"} pace
 * @returns {() => void}
 */
export function every(listener, pace) {
  const listeners = pace === "frame" ? frames : seconds;
  listeners.add(listener);
  schedule();
  return () => void listeners.delete(listener);
}

function schedule() {
  if (scheduled || stopped || !(frames.size + seconds.size)) return;
  const slow = still.matches || !frames.size;
  scheduled = slow ? window.setTimeout(() => requestAnimationFrame(beat), 1000 - (Date.now() % 1000)) : requestAnimationFrame(beat);
}

function beat() {
  scheduled = 0;
  if (stopped) return;
  const at = now();
  for (const listener of [...frames]) listener(at);
  const second = Math.floor(at / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    for (const listener of [...seconds]) listener(at);
  }
  schedule();
}
