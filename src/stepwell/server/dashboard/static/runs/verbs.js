// What can be done with runs, by their state; the server has the last word.

/** @typedef {"retry"|"pause"|"resume"|"restart"|"cancel"|"terminate"} Verb */

/** @type {Record<Verb, string[]>} */
const ALLOWED = {
  retry: ["failed", "cancelled"],
  resume: ["paused", "parked"],
  pause: ["queued", "waiting", "running"],
  restart: ["succeeded", "failed", "cancelled", "terminated", "parked"],
  cancel: ["queued", "waiting", "running", "paused"],
  terminate: ["queued", "waiting", "running", "paused", "parked"],
};
/** @type {Verb[]} */
export const VERBS = ["retry", "resume", "pause", "restart", "cancel", "terminate"];
/** @type {Record<Verb, {label: string, asks: boolean, done: string, going: string, icon?: string, key?: string, consequence: string}>} */
export const WORDS = {
  retry: {label: "Retry", asks: false, done: "Retried", going: "Retrying", icon: "retry", key: "r", consequence: "Each goes on from its failed step. Recorded results are kept."},
  resume: {label: "Resume", asks: false, done: "Resumed", going: "Resuming", icon: "play", key: "p", consequence: "Each goes on where it stands."},
  pause: {label: "Pause", asks: false, done: "Paused", going: "Pausing", icon: "pause", key: "p", consequence: "Steps that run end first. Nothing new starts until somebody resumes them."},
  restart: {label: "Restart", asks: true, done: "Restarted", going: "Restarting", icon: "restart", consequence: "Each begins again from its first step with the same input. Recorded results are not used again."},
  cancel: {label: "Cancel", asks: true, done: "Cancelled", going: "Cancelling", key: "c", consequence: "No further step starts. Undos run, the last one first; attached children are cancelled too."},
  terminate: {label: "Terminate", asks: true, done: "Terminated", going: "Terminating", consequence: "Each stops where it is. No undo runs. This is final."},
};

/** @param {Verb} verb @param {string} status */
export const isAllowed = (verb, status) => ALLOWED[verb].includes(status);
/** @param {string} status @returns {Verb[]} */
export const verbsOf = (status) => VERBS.filter((verb) => isAllowed(verb, status));
/** A verb with its dots where it opens a dialog. @param {Verb} verb @param {boolean} [asks] */
export const labelOf = (verb, asks = WORDS[verb].asks) => WORDS[verb].label + (asks ? "…" : "");
