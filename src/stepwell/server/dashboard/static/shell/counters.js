// The counts beside the navigation, read once in a while for all pages.

import {api, session} from "../lib/api.js";
import {onTryNow} from "../lib/connection.js";
import {signal} from "../lib/dom.js";

const PACE = 15_000;

/**
 * @typedef {object} Counts
 * @property {Record<string, number>} byStatus
 * @property {number|null} workflows
 */

/** @type {{value: Counts|null}} */
export const counts = signal(/** @type {Counts|null} */ (null));
let timer = 0;

async function read() {
  clearTimeout(timer);
  if (session.authenticated && !document.hidden) {
    try {
      const [runs, known] = await Promise.all([api.get("/overview", {window: "15m"}), counts.value?.workflows ? null : api.get("/workflows")]);
      counts.value = {byStatus: runs.now.by_status, workflows: known ? known.workflows.filter((/** @type {any} */ each) => each.kind !== "step").length : counts.value?.workflows ?? null};
    } catch {
      // The connection's own bar says it; the old counts stay.
    }
  }
  timer = window.setTimeout(() => void read(), PACE);
}

/** What a page has just read is told to the navigation, too. @param {Record<string, number>} byStatus */
export function tellCounts(byStatus) {
  counts.value = {byStatus, workflows: counts.value?.workflows ?? null};
}

export const counters = {
  start() {
    void read();
    onTryNow(() => void read());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) void read(); });
  },
  read,
};
