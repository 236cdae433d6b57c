// A filter over runs: read from the address, written to it, sent to the API, and tried on a run that has changed.

import {number} from "../lib/format.js";
import {serverNow} from "../lib/servertime.js";

/**
 * @typedef {object} Filter what holds for all runs of a list
 * @property {string[]} state
 * @property {string[]} workflow
 * @property {string[]} queue
 * @property {string[]} tag each "name=value"; all must fit
 * @property {string} id how the id begins
 * @property {string} text
 * @property {string} error
 * @property {string} since "24h" (ago), or a moment
 * @property {string} until
 * @property {string} parent
 */
/** @typedef {keyof Filter} Field */

export const LISTS = /** @type {const} */ (["state", "workflow", "queue", "tag"]);
export const WORDS = /** @type {const} */ (["id", "error", "text", "since", "until", "parent"]);
/** @type {Field[]} */
export const FIELDS = ["state", "workflow", "queue", "tag", "since", "until", "error", "id", "text", "parent"];

/** How a field and its comparison are called. @type {Record<Field, [string, string]>} */
export const NAMES = {
  state: ["state", "is"], workflow: ["workflow", "is"], queue: ["queue", "is"], tag: ["tag", "has"], since: ["started", "after"], until: ["started", "before"],
  error: ["error", "begins"], id: ["id", "begins"], text: ["text", "contains"], parent: ["child", "of"],
};

/** @returns {Filter} */
export const empty = () => ({state: [], workflow: [], queue: [], tag: [], id: "", text: "", error: "", since: "", until: "", parent: ""});

/** @param {URLSearchParams} query @returns {Filter} */
export function read(query) {
  const filter = empty();
  const many = (/** @type {string} */ name) => [...new Set(query.getAll(name).flatMap((value) => value.split(",")).filter(Boolean))];
  filter.state = [...new Set([...many("state"), ...many("status")])].map((each) => each.toLowerCase());
  filter.workflow = many("workflow");
  filter.queue = many("queue");
  filter.tag = query.getAll("tag").flatMap((value) => (value.includes('"') ? [value] : value.split(","))).filter(Boolean);
  for (const name of WORDS) filter[name] = query.get(name)?.trim() ?? "";
  return filter;
}

/** The query of the address, in readable form. @param {Filter} filter */
export function write(filter) {
  const query = new URLSearchParams();
  for (const name of FIELDS) {
    const value = filter[name];
    if (name === "tag") for (const each of filter.tag) query.append("tag", each);
    else if (Array.isArray(value) ? value.length : value) query.set(name, Array.isArray(value) ? value.join(",") : value);
  }
  return query;
}

/** As parameters of the API. @param {Filter} filter @returns {Record<string, any>} */
export function asked(filter) {
  /** @type {Record<string, any>} */
  const found = {};
  for (const name of FIELDS) {
    const value = filter[name];
    if (Array.isArray(value) ? value.length : value) found[name === "state" ? "status" : name] = value;
  }
  return found;
}

/** @param {Filter} filter */
export const isEmpty = (filter) => write(filter).size === 0;
/** @param {Filter} a @param {Filter} b */
export const same = (a, b) => write(a).toString() === write(b).toString();

/**
 * Whether a run fits, as far as its row tells: the server has the last word.
 * @param {any} run @param {Filter} filter
 */
export function fits(run, filter) {
  const words = filter.text.toLowerCase();
  return (!filter.state.length || filter.state.includes(run.status)) && (!filter.workflow.length || filter.workflow.includes(run.workflow)) && (!filter.queue.length || filter.queue.includes(run.queue)) &&
    run.id.startsWith(filter.id) && (!filter.error || (run.reason ?? "").startsWith(filter.error)) && (!words || [run.id, run.workflow, run.reason, run.note].some((part) => (part ?? "").toLowerCase().includes(words)));
}

/** @typedef {{field: Field, name: string, operator: string, values: string[], more: number, whole: string, state: string|null}} Token */

const SHOWN = 3;

/** The filter as tokens, in a fixed order. @param {Filter} filter @returns {Token[]} */
export function tokens(filter) {
  return FIELDS.flatMap((field) => {
    const value = filter[field];
    const all = (Array.isArray(value) ? value : value ? [value] : []).map((each) => spoken(field, each));
    if (!all.length) return [];
    const [name, operator] = NAMES[field];
    return [{field, name, operator, values: all.slice(0, SHOWN), more: Math.max(0, all.length - SHOWN), whole: all.join(", "), state: field === "state" && all.length === 1 ? all[0] : null}];
  });
}

const AGO = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d|w)$/;

/** How a value is shown. @param {Field} field @param {string} value */
export function spoken(field, value) {
  if (field !== "since" && field !== "until") return value;
  const match = AGO.exec(value);
  if (match) return `${match[1]} ${match[2]} ago`;
  const at = Date.parse(value) || Number(value) * 1000;
  if (!at) return value;
  const t = new Date(at);
  return `${t.getFullYear() === new Date(serverNow()).getFullYear() ? "" : `${t.getFullYear()}-`}${String(t.getMonth() + 1).padStart(2, "0")}-${String(t.getDate()).padStart(2, "0")} ${String(t.getHours()).padStart(2, "0")}:${String(t.getMinutes()).padStart(2, "0")}`;
}

/** Without one token. @param {Filter} filter @param {Field} field @returns {Filter} */
export const without = (filter, field) => ({...filter, [field]: Array.isArray(filter[field]) ? [] : ""});

/**
 * With one more value: lists grow, words are replaced.
 * @param {Filter} filter @param {Field} field @param {string} value @returns {Filter}
 */
export function plus(filter, field, value) {
  const old = filter[field];
  if (!Array.isArray(old)) return {...filter, [field]: value};
  return {...filter, [field]: old.includes(value) ? old.filter((each) => each !== value) : [...old, value]};
}

/** "1,904 runs" or "…" while it is counted. @param {number|null} total */
export const matchText = (total) => (total === null ? "…" : `${number(total)} ${total === 1 ? "run" : "runs"}`);

/** Seconds of "24h". @param {string} value */
export function secondsAgo(value) {
  const match = AGO.exec(value);
  const size = /** @type {Record<string, number>} */ ({ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800});
  return match ? Number(match[1]) * size[match[2]] : null;
}

