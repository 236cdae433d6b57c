// What may be added to a filter: fields first, then values with how many runs have them.

import {MEANINGS, STATES, stateIcon} from "../components/states.js";
import {api} from "../lib/api.js";
import {number, relative, stamp} from "../lib/format.js";
import {FIELDS, NAMES, secondsAgo} from "./filter.js";

/** @typedef {import("./filter.js").Field} Field */
/** @typedef {{field: Field, value: string|null, text: string, beside: string, sign?: Element, on?: boolean}} Suggestion `value` null: a field, whose value comes next */

const MEANS = /** @type {Record<Field, string>} */ ({state: "queued, running, failed, …", workflow: "by name", queue: "by name", tag: "name=value", since: "after a moment, or 24h", until: "before a moment, or 1h", error: "class of the failure", id: "how it begins", text: "in id, workflow, reason or note", parent: "runs started by a run"});
const AGES = ["15m", "1h", "6h", "24h", "7d", "30d"];
const MOST = 9;
const FRESH = 20_000;

/** @type {Map<string, {at: number, data: Promise<any>}>} */
const cache = new Map();

/** @param {string} path @param {import("../lib/api.js").Query} [query] */
function known(path, query) {
  const name = path + JSON.stringify(query ?? {});
  const had = cache.get(name);
  if (had && Date.now() - had.at < FRESH) return had.data;
  const data = api.get(path, query).catch(() => null);
  cache.set(name, {at: Date.now(), data});
  return data;
}

/** @param {string} text @param {any[]} rows of the list, whose workflows are known @returns {Promise<Suggestion[]>} */
export async function fields(text, rows) {
  const words = text.toLowerCase();
  const found = FIELDS.filter((field) => field !== "parent" || words).filter((field) => NAMES[field].join(" ").includes(words) || (field === "state" && "status".includes(words)));
  const entry = (/** @type {Field} */ field) => /** @type {Suggestion} */ ({field, value: null, text: `${NAMES[field][0]} ${NAMES[field][1]}`, beside: MEANS[field]});
  if (!words) return found.map(entry);
  // What begins like the name of a field is one being typed; fields that are only like it come last.
  const named = found.filter((field) => `${NAMES[field].join(" ")} `.startsWith(words) || (field === "state" && "status".startsWith(words)));
  const list = found.filter((field) => !named.includes(field)).map(entry);
  const states = STATES.filter((status) => status.startsWith(words)).map((status) => ({field: /** @type {Field} */ ("state"), value: status, text: `state is ${status}`, beside: MEANINGS[status], sign: stateIcon(status)}));
  const flows = [...new Set(rows.map((run) => run.workflow))].filter((name) => name.toLowerCase().includes(words)).slice(0, 3).map((name) => ({field: /** @type {Field} */ ("workflow"), value: name, text: `workflow is ${name}`, beside: ""}));
  const errors = words.length > 1 ? (await listed("error", rows)).filter((each) => each.text.toLowerCase().includes(words)).slice(0, 4).map((each) => ({...each, text: `error begins ${each.text}`})) : [];
  return [...named.map(entry), ...states, ...flows, ...errors, {field: "text", value: text, text: `text contains “${text}”`, beside: ""}, {field: "id", value: text, text: `id begins “${text}”`, beside: ""}, ...list];
}

/**
 * @param {Field} field @param {string} text @param {readonly string[]} chosen @param {any[]} rows
 * @returns {Promise<Suggestion[]>}
 */
export async function values(field, text, chosen, rows) {
  const words = text.toLowerCase();
  const all = await listed(field, rows);
  const fit = all.filter((each) => each.text.toLowerCase().includes(words)).slice(0, MOST);
  const exact = fit.some((each) => each.value === text);
  const free = text && !exact && field !== "state" && isFine(field, text) ? [{field, value: text, text: field === "workflow" || field === "queue" ? text : `${NAMES[field][0]} ${NAMES[field][1]} “${text}”`, beside: ""}] : [];
  return [...fit.map((each) => ({...each, on: chosen.includes(each.value ?? "")})), ...free];
}

/** Whether a text can be a value of a field. @param {Field} field @param {string} text */
export function isFine(field, text) {
  if (field === "tag") return /^[^=]+=.+/.test(text);
  if (field === "since" || field === "until") return secondsAgo(text) !== null || !Number.isNaN(Date.parse(text));
  return text.length > 0;
}

/** @param {Field} field @param {any[]} rows @returns {Promise<Suggestion[]>} */
async function listed(field, rows) {
  switch (field) {
    case "state": {
      const counts = (await known("/runs/count"))?.by_status ?? {};
      return STATES.map((status) => ({field, value: status, text: status, beside: counts[status] ? number(counts[status]) : MEANINGS[status], sign: stateIcon(status)}));
    }
    case "workflow": {
      const found = (await known("/workflows"))?.workflows ?? [];
      return found.map((/** @type {any} */ each) => ({field, value: each.name, text: each.name, beside: `${number(Object.values(each.runs).reduce((/** @type {number} */ a, /** @type {any} */ b) => a + b, 0))} in 24 h`}));
    }
    case "queue": return ((await known("/queues"))?.queues ?? []).map((/** @type {any} */ each) => ({field, value: each.queue, text: each.queue, beside: `${number(each.ready)} ready`}));
    case "error": {
      const causes = (await known("/failures", {window: "24h"}))?.causes ?? [];
      /** @type {Map<string, {count: number, last: number}>} */
      const classes = new Map();
      for (const cause of causes) {
        const name = String(cause.filter.error ?? cause.type).split(":")[0];
        const had = classes.get(name) ?? {count: 0, last: 0};
        classes.set(name, {count: had.count + cause.count, last: Math.max(had.last, stamp(cause.last_at) ?? 0)});
      }
      return [...classes].map(([name, {count, last}]) => ({field, value: name, text: name, beside: `${number(count)} ${count === 1 ? "run" : "runs"}, last ${relative(last)}`}));
    }
    case "tag": {
      /** @type {Map<string, number>} */
      const pairs = new Map();
      for (const run of rows) for (const [name, value] of Object.entries(run.tags)) pairs.set(`${name}=${value}`, (pairs.get(`${name}=${value}`) ?? 0) + 1);
      return [...pairs].sort((a, b) => b[1] - a[1]).map(([pair, n]) => ({field, value: pair, text: pair, beside: `${number(n)} of these`}));
    }
    case "since": case "until": return AGES.map((age) => ({field, value: age, text: `${age.replace(/([a-z])/, " $1")} ago`, beside: ""}));
    default: return [];
  }
}
