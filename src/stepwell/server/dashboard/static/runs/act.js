// Carries verbs out on runs: on one, or on many in the background with a note of how far it is.

import {problemToast, progressToast, toast} from "../components/toasts.js";
import {confirm} from "../components/dialog.js";
import {api} from "../lib/api.js";
import {count, number} from "../lib/format.js";
import {WORDS} from "./verbs.js";

/** @typedef {import("./verbs.js").Verb} Verb */

const PACE = 400;
const BACK = /** @type {Partial<Record<Verb, Verb>>} */ ({pause: "resume", resume: "pause"});

/**
 * On one run; asks first where there is no way back. Answers the run as it is then, or null.
 * @param {Verb} verb @param {string} id @param {boolean} [sure]
 * @returns {Promise<any>}
 */
export async function one(verb, id, sure = false) {
  const words = WORDS[verb];
  if (words.asks && !sure && !(await confirm({title: `${words.label} ${id}?`, body: words.consequence.replace("Each begins", "It begins").replace("Each stops", "It stops"), verb: `${words.label} the run`, danger: verb === "terminate"}))) return null;
  try {
    const run = await api.post(`/runs/${encodeURIComponent(id)}/${verb}`);
    const back = BACK[verb];
    toast(`${verb === "cancel" ? "Cancelling" : words.done} ${id}`, back ? {label: WORDS[back].label, run: () => void one(back, id, true)} : undefined);
    return run;
  } catch (error) {
    problemToast(error, `Not ${words.done.toLowerCase()}.`);
    return null;
  }
}

/**
 * On many; answers when it has begun, or null when it was refused.
 * @param {Verb} verb @param {{ids?: string[], filter?: any, expect?: number}} which
 */
export async function many(verb, which) {
  const words = WORDS[verb];
  /** @type {any} */
  let job;
  try {
    job = await api.post("/bulk", {action: verb, ...which});
  } catch (error) {
    problemToast(error, `Not ${words.done.toLowerCase()}.`);
    return null;
  }
  const note = progressToast(`${words.going} ${count(job.total, "run")}`);
  void follow(verb, job, note);
  return job;
}

/** @param {Verb} verb @param {any} job @param {import("../components/toasts.js").Progress} note */
async function follow(verb, job, note) {
  const words = WORDS[verb];
  let now = job;
  while (!now.ended_at) {
    await new Promise((resolve) => window.setTimeout(resolve, PACE));
    try {
      now = await api.get(`/bulk/${job.id}`);
    } catch {
      note.end(`${words.going} ${count(job.total, "run")}; how far it is cannot be read.`, "unknown");
      return;
    }
    note.say(`${words.going}: ${number(now.done + now.refused + now.failed)} of ${number(now.total)}`);
  }
  const rest = [now.refused ? `${number(now.refused)} could not be` : "", now.failed ? `${number(now.failed)} failed` : ""].filter(Boolean).join(", ");
  note.end(`${words.done} ${count(now.done, "run")}${rest ? `, ${rest}` : ""}`, now.failed ? "failed" : "succeeded");
}
