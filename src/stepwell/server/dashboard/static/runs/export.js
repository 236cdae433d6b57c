// Saves the runs of a list as a CSV file: those selected, or all that match, up to 10,000.

import {progressToast, problemToast} from "../components/toasts.js";
import {api} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {count, number} from "../lib/format.js";
import {serverNow} from "../lib/servertime.js";
import {asked} from "./filter.js";

const MOST = 10_000;
const PAGE = 1000;
const COLUMNS = ["id", "workflow", "status", "queue", "priority", "generation", "worker", "parent", "now", "reason", "created_at", "started_at", "finished_at"];

/** A field of CSV; one that a spreadsheet would take for a formula is marked as text. @param {any} value */
export function field(value) {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @param {any[]} runs */
export const csv = (runs) => [[...COLUMNS, "tags"].join(","), ...runs.map((run) => [...COLUMNS.map((name) => field(run[name])), field(run.tags)].join(","))].join("\r\n");

/** @param {any[]} runs */
function save(runs) {
  const url = URL.createObjectURL(new Blob([csv(runs)], {type: "text/csv"}));
  const link = h("a", {href: url, download: `runs-${new Date(serverNow()).toISOString().slice(0, 19).replaceAll(":", "")}.csv`});
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {any[]|null} chosen those selected; null: all that match @param {import("./filter.js").Filter} filter */
export async function exportRuns(chosen, filter) {
  if (chosen) return save(chosen);
  const note = progressToast("Reading the runs");
  /** @type {any[]} */
  const runs = [];
  /** @type {string|null} */
  let after = null;
  try {
    do {
      const page = await api.get("/runs", {...asked(filter), limit: PAGE, after});
      runs.push(...page.runs);
      after = page.after;
      note.say(`Read ${number(runs.length)} runs`);
    } while (after && runs.length < MOST);
  } catch (error) {
    note.end("Not exported.", "failed");
    problemToast(error, "Not exported.");
    return;
  }
  save(runs);
  note.end(`Exported ${count(runs.length, "run")}${after ? `, the newest ${number(MOST)} of those that match` : ""}`);
}
