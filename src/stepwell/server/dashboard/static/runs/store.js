// The runs of a list: pages of the newest, kept current by the stream. Known rows change in place; new ones wait.

import {api, isAborted} from "../lib/api.js";
import {asked, fits} from "./filter.js";

/** @typedef {import("./filter.js").Filter} Filter */
/** @typedef {"rows"|"pending"|"total"|"state"|"problem"} Part */

const PAGE = 50;
const PAUSE = 250;
const MOST_PENDING = 1000;
const PATIENCE = 100;

/**
 * @param {Filter} first @param {(parts: Set<Part>, changed: Set<string>) => void} tell
 */
export function runList(first, tell) {
  let filter = first;
  /** @type {any[]} newest first */
  let rows = [];
  /** @type {Map<string, any>} by key */
  const known = new Map();
  /** @type {Map<string, any>} */
  const pending = new Map();
  /** @type {string|null} */
  let after = null;
  /** @type {number|null} */
  let total = null;
  let loading = true;
  let more = false;
  /** @type {any} */
  let problem = null;
  let control = new AbortController();
  /** @type {{close: () => void}|null} */
  let stream = null;
  /** @type {Promise<void>} when the stream tells whatever happens */
  let begun = Promise.resolve();
  /** @type {Set<Part>} */
  let parts = new Set();
  /** @type {Set<string>} */
  let changed = new Set();
  let timer = 0;

  /** @param {...Part} what */
  function now(...what) {
    for (const part of what) parts.add(part);
    clearTimeout(timer);
    timer = 0;
    const [told, ids] = [parts, changed];
    parts = new Set();
    changed = new Set();
    tell(told, ids);
  }

  /** @param {Part} part */
  function soon(part) {
    parts.add(part);
    timer ||= window.setTimeout(() => now(), PAUSE);
  }

  /** @param {any[]} next */
  function take(next) {
    rows = next;
    known.clear();
    for (const run of rows) known.set(run.key, run);
  }

  /** Reads the list anew; what is shown stays until it is there. @param {Filter} next */
  async function load(next = filter) {
    filter = next;
    control.abort();
    const mine = (control = new AbortController());
    stream?.close();
    loading = true;
    total = null;
    problem = null;
    now("state", "total");
    connect();
    void count(mine.signal);
    try {
      const complete = await inTime();
      if (mine !== control) return;
      const page = await api.get("/runs", {...asked(filter), limit: Math.min(1000, PAGE)}, {signal: mine.signal});
      if (mine !== control) return;
      take(page.runs);
      after = page.after;
      pending.clear();
      loading = false;
      now("rows", "pending", "state");
      if (!complete) void begun.then(() => mine === control && refresh());
    } catch (error) {
      if (mine !== control || isAborted(error)) return;
      problem = error;
      loading = false;
      now("problem", "state");
    }
  }

  /** @param {AbortSignal} signal */
  async function count(signal) {
    try {
      const found = await api.get("/runs/count", asked(filter), {signal});
      total = found.total;
      now("total");
    } catch (error) {
      if (!isAborted(error)) now("total");
    }
  }

  /** Reads the next page, when there is one. */
  async function older() {
    if (more || loading || after === null) return;
    more = true;
    const mine = control;
    try {
      const page = await api.get("/runs", {...asked(filter), limit: rows.length >= 200 ? 200 : PAGE, after}, {signal: mine.signal});
      if (mine !== control) return;
      take([...rows, ...page.runs.filter((/** @type {any} */ run) => !known.has(run.key))]);
      after = page.after;
      now("rows");
    } catch (error) {
      if (!isAborted(error)) problem = error;
    } finally {
      more = false;
    }
  }

  /** Whether the stream has begun: what is read then misses nothing. It is not waited for long. */
  const inTime = () => Promise.race([begun.then(() => true), new Promise((done) => { setTimeout(done, PATIENCE, false); })]);

  function connect() {
    /** @type {() => void} */
    let begin = () => {};
    begun = new Promise((done) => { begin = done; });
    stream = api.stream("/stream", {begun: begin, on: {
      run: heard,
      stats: (data) => {
        total = Object.values(data.by_status).reduce((/** @type {number} */ a, /** @type {any} */ b) => a + b, 0);
        soon("total");
      },
      reset: () => void load(),
    }}, asked(filter));
  }

  /** @param {any} run */
  function heard(run) {
    const old = known.get(run.key);
    if (old) {
      Object.assign(old, run, {stray: !fits(run, filter)});
      changed.add(run.key);
      soon("rows");
    } else if (pending.has(run.key) || (fits(run, filter) && isNew(run))) {
      if (fits(run, filter)) pending.set(run.key, run);
      else pending.delete(run.key);
      if (pending.size > MOST_PENDING) pending.delete(/** @type {string} */ (pending.keys().next().value));
      soon("pending");
    }
  }

  /** Keys grow with time: an older run that has only changed belongs further down. @param {any} run */
  const isNew = (run) => loading || !rows.length || run.key > rows[0].key;

  /** Lets the new runs in, at the top. */
  function enter() {
    const fresh = [...pending.values()].sort((a, b) => (a.key < b.key ? 1 : -1));
    pending.clear();
    take([...fresh, ...rows.filter((run) => !run.stray)]);
    now("rows", "pending");
  }

  return {
    load, older, enter,
    get rows() { return rows; },
    get total() { return total; },
    get pending() { return pending.size; },
    get loading() { return loading; },
    get problem() { return problem; },
    get filter() { return filter; },
    get after() { return after; },
    /** Takes in what an action answered. @param {any} run */
    merge(run) {
      if (!run) return;
      heard(run);
      now();
    },
    /** What to keep when one leaves the page. */
    keep: () => ({rows: rows.slice(0, 2000), after: rows.length > 2000 ? rows[1999].key : after, total}),
    /** Goes on where one left. @param {any} kept */
    restore(kept) {
      take(kept.rows);
      after = kept.after;
      total = kept.total;
      loading = false;
      now("rows", "total", "state");
      connect();
      void inTime().then((complete) => {
        void refresh();
        if (!complete) void begun.then(() => refresh());
      });
    },
    close() {
      stream?.close();
      control.abort();
      clearTimeout(timer);
    },
  };

  /** What changed while one was away: rows of the first page in place, new ones wait. */
  async function refresh() {
    try {
      void count(control.signal);
      const page = await api.get("/runs", {...asked(filter), limit: PAGE}, {signal: control.signal});
      for (const run of page.runs) heard(run);
    } catch (error) {
      if (!isAborted(error)) problem = error;
    }
  }
}
