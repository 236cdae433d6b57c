// What is said of workers, in the same words on every page.

import {duration, stamp} from "../lib/format.js";
import {serverNow} from "../lib/servertime.js";

/** Seconds that a loop may stand still before it is worth a colour. */
export const LAGGING = 0.05;

/** As people know it: where it is; its id says more to the journal than to them. @param {any} worker */
export const nameOf = (worker) => (worker.host ? `${worker.host}:${worker.pid}` : worker.id);
/** @param {any} worker */
export const silentFor = (worker) => Math.max(0, (serverNow() - (stamp(worker.beat_at) ?? serverNow())) / 1000);
/** @param {any} worker */
export const seenOf = (worker) => (silentFor(worker) < 1 ? "now" : duration(silentFor(worker), 1));
/** @param {any} worker */
export const lagOf = (worker) => (worker.status === "late" ? "–" : duration(worker.lag_s));
