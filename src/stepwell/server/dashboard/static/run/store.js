// What is known of one run, kept current by its stream: told to listeners at most four times a second.

import {hold} from "./clock.js";
import {open, stamp} from "./layout.js";
import {heard} from "../lib/servertime.js";

/** @typedef {import("./layout.js").Call} Call */
/** @typedef {"run"|"calls"|"logs"|"events"|"cause"} Part */
/**
 * @typedef {object} Api what is needed of it
 * @property {(path: string) => Promise<any>} get
 * @property {(path: string, handlers: {on: Record<string, (data: any) => void>, lost: (since: number|null) => void}) => {close: () => void}} stream
 */

const ENDED = new Set(["succeeded", "failed", "cancelled", "terminated"]);
const PAUSE = 250;
const KEPT_LINES = 2000;

/** @param {string} status */
export const hasEnded = (status) => ENDED.has(status);

/**
 * @param {string} id
 * @param {Api} api
 */
export function runStore(id, api) {
  const path = `/runs/${encodeURIComponent(id)}`;
  /** @type {Map<string, Call>} */
  const calls = new Map();
  /** @type {Map<string, Call[]>} the calls of child runs that are shown in place, by the child's id */
  const within = new Map();
  /** @type {Set<(parts: Set<Part>) => void>} */
  const listeners = new Set();
  /** @type {Set<Part>} */
  let changed = new Set();
  let timer = 0;
  let refetch = 0;
  let ended = false;
  /** @type {{close: () => void}|null} */
  let stream = null;

  const store = {
    id, path,
    /** @type {any} */ detail: null,
    /** @type {any[]} newest first */ logs: [],
    /** @type {string|null} */ moreLogs: null,
    /** @type {{waiting: any[], received: any[]}} */ events: {waiting: [], received: []},
    /** @type {any[]} */ causes: [],
    /** @type {any} of the workflow, with schemas */ workflow: null,
    generation: 0,
    generations: 1,
    /** the run's own calls */
    calls: () => [...calls.values()],
    /** the same with those of the child runs that are shown in place */
    shownCalls: () => (within.size ? [...calls.values()].flatMap((call) => [call, ...inner(call)]) : [...calls.values()]),
    load, listen, close, reload, showGeneration, merge, expand,
    isLive: () => stream !== null,
  };

  /** @param {...Part} parts */
  function note(...parts) {
    for (const part of parts) changed.add(part);
    timer ||= window.setTimeout(() => {
      timer = 0;
      const parts = changed;
      changed = new Set();
      for (const listener of listeners) listener(parts);
    }, PAUSE);
  }

  /** @param {(parts: Set<Part>) => void} listener */
  function listen(listener) {
    listeners.add(listener);
  }

  /** @param {Call} call @returns {Call[]} */
  const inner = (call) => (call.child ? (within.get(call.child.id) ?? []).flatMap((each) => [each, ...(each.child?.id === call.child?.id ? [] : inner(each))]) : []);

  /**
   * Shows the calls of a child run under the call that started it.
   * @param {Call} call
   */
  async function expand(call) {
    const {child} = call;
    if (!child) return;
    const timeline = await api.get(`/runs/${encodeURIComponent(child.id)}/timeline`);
    within.set(child.id, timeline.calls.map((/** @type {Call} */ each) => ({...each, id: `${call.id}>${each.id}`, parent: each.parent === null ? call.id : `${call.id}>${each.parent}`, run: child.id})));
    note("calls");
  }

  /** The calls of a generation; the answer tells the server's time to the microsecond. @param {string} [query] */
  async function timelineOf(query = "") {
    const asked = Date.now();
    const timeline = await api.get(`${path}/timeline${query}`);
    const now = stamp(timeline.now);
    if (now !== null) heard(now, asked);
    return timeline;
  }

  /** @param {any} timeline */
  function take(timeline) {
    calls.clear();
    for (const call of timeline.calls) calls.set(call.id, call);
    store.generation = timeline.generation;
    store.generations = timeline.generations;
  }

  /** everything the page needs first; the rest comes when it comes */
  async function load() {
    // One after the other: of a run that is not there nothing more is asked.
    const detail = await api.get(path);
    const timeline = await timelineOf();
    store.detail = detail;
    take(timeline);
    if (!hasEnded(detail.status)) connect();
    void beside();
  }

  async function beside() {
    const [logs, events, workflow, failures] = await Promise.allSettled([api.get(`${path}/logs?limit=200&newest=true`), api.get(`${path}/events`),
      api.get(`/workflows/${encodeURIComponent(store.detail.workflow)}`), anyFailure() ? api.get("/failures?window=24h") : Promise.resolve({causes: []})]);
    if (logs.status === "fulfilled") { store.logs = logs.value.lines; store.moreLogs = logs.value.after; }
    if (events.status === "fulfilled") store.events = events.value;
    if (workflow.status === "fulfilled") store.workflow = workflow.value;
    if (failures.status === "fulfilled") store.causes = failures.value.causes;
    note("logs", "events", "cause");
  }

  const anyFailure = () => store.detail.error || store.calls().some((call) => call.error || call.attempts.some((attempt) => attempt.error));

  function connect() {
    stream = api.stream(`${path}/stream`, {
      on: {
        run: (run) => { merge(run); },
        timeline: (data) => {
          for (const call of data.calls) {
            calls.set(call.id, call);
            if (call.child && within.has(call.child.id)) void expand(call).catch(() => undefined);
          }
          note("calls");
          if (data.calls.some((/** @type {Call} */ call) => call.kind === "wait")) void readEvents();
        },
        log: (line) => {
          if (store.logs.some((each) => each.id === line.id)) return;
          store.logs = [line, ...store.logs].slice(0, KEPT_LINES);
          note("logs");
        },
        reset: () => void reload(),
        end: (run) => {
          close();
          merge(run);
          void reload();
        },
      },
      lost: (since) => hold(since !== null),
    });
  }

  /** @param {any} run the row of the run; what only the whole answer tells is read soon after */
  function merge(run) {
    const restarted = store.detail && run.generation !== store.detail.generation;
    const known = store.detail ?? {};
    const same = known.status === run.status && known.epoch === run.epoch && known.note === run.note && known.now === run.now;
    store.detail = {...known, ...run};
    note("run");
    if (restarted) void reload();
    else if (!same) later();
    if (known.status !== run.status && run.status === "waiting") void readEvents();
    if (hasEnded(run.status) && !ended) { ended = true; }
    if (!hasEnded(run.status) && !stream) { ended = false; connect(); }
  }

  function later() {
    refetch ||= window.setTimeout(async () => {
      refetch = 0;
      try {
        store.detail = await api.get(path);
        note("run");
      } catch {
        // The stream says when the connection is back; what is shown stays.
      }
    }, 400);
  }

  async function readEvents() {
    try {
      store.events = await api.get(`${path}/events`);
      note("events");
    } catch {
      // As above: the last answer stays.
    }
  }

  /** reads everything again, after a gap in the stream or when the run has ended */
  async function reload() {
    try {
      const [detail, timeline] = await Promise.all([api.get(path), timelineOf()]);
      store.detail = detail;
      take(timeline);
      note("run", "calls");
      await beside();
    } catch {
      // The stream's own notice tells of a lost connection.
    }
  }

  /** @param {number} generation */
  async function showGeneration(generation) {
    take(await timelineOf(`?generation=${generation}`));
    note("calls");
  }

  function close() {
    stream?.close();
    stream = null;
    hold(false);
  }

  return store;
}

/** @typedef {ReturnType<typeof runStore>} RunStore */

/** @param {Iterable<Call>} calls how many are open */
export const openCalls = (calls) => [...calls].filter((call) => open(call.status)).length;
