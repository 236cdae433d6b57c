// Reads again and again: at once, then at a pace; rests while the page is hidden; slower after a failure.

import {isAborted} from "./api.js";
import {lost, onTryNow} from "./connection.js";

const SLOWER = 4;

/**
 * @param {(signal: AbortSignal) => Promise<void>} read tells what it read itself
 * @param {number} pace milliseconds
 * @param {(error: any) => void} [failed]
 * @returns {{now: () => void, stop: () => void}}
 */
export function poll(read, pace, failed) {
  let timer = 0;
  let stopped = false;
  let control = new AbortController();

  async function turn() {
    clearTimeout(timer);
    control.abort();
    const mine = (control = new AbortController());
    let wait = pace;
    try {
      await read(mine.signal);
    } catch (error) {
      if (stopped || mine !== control || isAborted(error)) return;
      wait = Math.max(pace, 1000) * SLOWER;
      if (/** @type {any} */ (error).status === 0) lost(Date.now() + wait);
      failed?.(error);
    }
    if (!stopped && mine === control) timer = window.setTimeout(() => { if (!document.hidden) void turn(); }, wait);
  }

  const wake = () => { if (!document.hidden) void turn(); };
  document.addEventListener("visibilitychange", wake);
  const forget = onTryNow(() => void turn());
  void turn();
  return {
    now: () => void turn(),
    stop() {
      stopped = true;
      clearTimeout(timer);
      control.abort();
      document.removeEventListener("visibilitychange", wake);
      forget();
    },
  };
}
