// What is drawn for each row: forms with their times, without pixels. Pure.

import {open, stamp} from "./layout.js";
import {merged} from "./scale.js";

/** @typedef {import("./layout.js").Node} Node */
/** @typedef {import("./layout.js").Call} Call */
/** @typedef {import("./scale.js").Span} Span */
/** @typedef {import("./scale.js").Scale} Scale */
/**
 * @typedef {object} Shape
 * @property {"queue"|"attempt"|"backoff"|"wait"|"sleep"|"scope"|"undo"|"held"|"away"|"items"} form
 * @property {number} from
 * @property {number} to
 * @property {boolean} [open] it ends at the live edge
 * @property {string} [status]
 * @property {number} [n]
 * @property {boolean} [child]
 * @property {"event"|"over"|"left"} [end] how a wait ended: the event came, the time was over, it was given up
 * @property {{from: number, to: number, status: string}[]} [items]
 */

/**
 * The shapes of one row.
 * @param {Node} node
 * @param {number} now
 * @param {() => Span[]} away when the run was not in memory
 * @returns {Shape[]}
 */
export function shapesOf(node, now, away) {
  if (node.type === "run") return runShapes(node, now, away());
  if (node.type === "map") return [{form: "items", from: node.from, to: node.to ?? now, open: node.to === null, items: node.children.map((child) => ({from: child.from, to: child.to ?? now, status: child.status}))}];
  const call = /** @type {Call} */ (node.call);
  const from = node.from;
  const to = node.to ?? now;
  const isOpen = node.to === null;
  if (call.kind === "undo") return [...queued(call, from, now), {form: "undo", from: first(call) ?? from, to, open: isOpen, status: call.status}];
  switch (call.kind) {
    case "sleep":
    case "timeout":
      return [{form: "sleep", from, to, open: isOpen, status: call.status}];
    case "wait":
      return [{form: "wait", from, to: stamp(call.event?.received_at) ?? to, open: isOpen, end: isOpen ? undefined : waitEnd(call)}];
    case "scope":
      return [{form: "scope", from, to, open: isOpen, status: call.status}];
    case "child":
      return [...queued(call, from, now), ...childBar(call, from, to, isOpen)];
    default:
      return [...queued(call, from, now), ...attempts(call, to, now)];
  }
}

/** @param {Call} call @returns {"event"|"over"|"left"} */
const waitEnd = (call) => (call.event?.received_at || call.status === "succeeded" ? "event" : call.status === "cancelled" ? "left" : "over");

/** @param {Call} call when its first attempt began */
const first = (call) => stamp(call.attempts[0]?.began_at) ?? stamp(call.began_at);

/** @param {Call} call @param {number} from @param {number} now @returns {Shape[]} */
function queued(call, from, now) {
  const began = first(call);
  if (began !== null) return began > from ? [{form: "queue", from, to: began}] : [];
  return call.status === "queued" ? [{form: "queue", from, to: now, open: true}] : [];
}

/** @param {Call} call @param {number} from @param {number} to @param {boolean} isOpen @returns {Shape[]} */
function childBar(call, from, to, isOpen) {
  const began = first(call);
  if (began === null && call.status === "queued") return [];
  return [{form: "attempt", from: began ?? from, to, open: isOpen, status: isOpen ? "running" : call.status, child: true}];
}

/** @param {Call} call @param {number} to @param {number} now @returns {Shape[]} */
function attempts(call, to, now) {
  const tries = call.attempts.length ? call.attempts : call.began_at ? [{n: 1, began_at: call.began_at, ended_at: call.ended_at, status: call.status}] : [];
  /** @type {Shape[]} */
  const shapes = [];
  tries.forEach((attempt, index) => {
    const began = stamp(attempt.began_at) ?? to;
    const running = attempt.status === "running" && !attempt.ended_at && open(call.status);
    const next = tries[index + 1];
    const ended = stamp(attempt.ended_at) ?? (running ? now : next ? stamp(next.began_at) ?? to : to);
    const status = running || attempt.status !== "running" ? attempt.status : "unknown";
    shapes.push({form: "attempt", from: began, to: ended, open: running, status, n: tries.length > 1 || attempt.n > 1 ? attempt.n : undefined});
    if (next) {
      const again = stamp(next.began_at) ?? ended;
      if (again > ended && attempt.ended_at) shapes.push({form: attempt.lost ? "queue" : "backoff", from: ended, to: again});
    } else if (!running && !call.ended_at && open(call.status) && attempt.status !== "succeeded") {
      shapes.push({form: "backoff", from: ended, to: now, open: true});
    }
  });
  return shapes;
}

/** @param {Node} node @param {number} now @param {Span[]} away @returns {Shape[]} */
function runShapes(node, now, away) {
  const end = node.to ?? now;
  /** @type {Shape[]} */
  const shapes = [];
  let at = node.began === undefined ? node.from : node.began ?? end;
  const ready = node.due ? Math.min(Math.max(node.due, node.from), at) : node.from;
  if (ready > node.from) shapes.push({form: "sleep", from: node.from, to: ready, open: node.to === null && ready === end, status: "waiting"});
  if (at > ready) shapes.push({form: "queue", from: ready, to: at, open: node.to === null && at === end});
  for (const gap of away) {
    const from = Math.max(gap.from, at);
    const to = Math.min(gap.to, end);
    if (to <= from) continue;
    if (from > at) shapes.push({form: "held", from: at, to: from});
    const isLast = node.to === null && gap.to === Infinity;
    shapes.push({form: "away", from, to, open: isLast});
    at = to;
  }
  if (end > at) shapes.push({form: "held", from: at, to: end, open: node.to === null});
  return shapes;
}

/**
 * When the attempts of a run ran: the time that is never folded.
 * @param {Iterable<Call>} calls
 * @param {number} now
 * @returns {Span[]}
 */
export function busy(calls, now) {
  /** @type {Span[]} */
  const spans = [];
  for (const call of calls) {
    if (call.kind === "sleep" || call.kind === "wait" || call.kind === "timeout" || call.kind === "scope") continue;
    for (const attempt of call.attempts) {
      const from = stamp(attempt.began_at);
      if (from !== null) spans.push({from, to: stamp(attempt.ended_at) ?? (open(call.status) ? now : from)});
    }
    if (!call.attempts.length && call.kind !== "child") {
      const from = stamp(call.began_at);
      if (from !== null) spans.push({from, to: stamp(call.ended_at) ?? (open(call.status) ? now : from)});
    }
  }
  return merged(spans);
}

/** A worker keeps a run whose next attempt is due sooner than this; else it gives the run back meanwhile. */
const KEPT = 250;

/**
 * When a step waited for its next attempt, for so long that no worker had to hold the run for it.
 * @param {Call} call
 * @param {number} to when the call ended, or now
 * @param {boolean} held whether a worker has the run now
 * @returns {Span[]}
 */
function backoffs(call, to, held) {
  return call.attempts.flatMap((attempt, index) => {
    const from = stamp(attempt.ended_at);
    const due = stamp(attempt.again_at);
    if (from === null || due === null || due - from < KEPT) return [];
    const next = call.attempts[index + 1];
    const end = next ? stamp(next.began_at) : held || !open(call.status) ? Math.min(due, to) : to;
    return end !== null && end > from ? [{from, to: end}] : [];
  });
}

/**
 * When the run was not in memory: nothing ran or was queued, and something was waited for.
 * @param {Node} root
 * @param {Call[]} calls
 * @param {number} now
 * @returns {Span[]}
 */
export function absence(root, calls, now) {
  const end = root.to ?? now;
  /** @type {Span[]} */
  const present = busy(calls, now);
  /** @type {Span[]} */
  const waits = [];
  for (const call of calls) {
    const from = stamp(call.opened_at);
    if (from === null) continue;
    const to = stamp(call.ended_at) ?? (open(call.status) ? end : from);
    if (call.kind === "sleep" || call.kind === "wait" || call.kind === "child" || call.kind === "timeout") waits.push({from, to});
    else if (call.kind !== "scope") {
      const between = merged(backoffs(call, to, root.status === "running"));
      waits.push(...between);
      present.push(...subtract([{from, to}], between));
    }
  }
  if (root.to === null && root.status !== "running" && root.status !== "queued") waits.push({from: merged(present).at(-1)?.to ?? root.from, to: end});
  const gone = subtract(merged(waits), merged(present)).filter((span) => span.to - span.from > 50);
  const last = gone[gone.length - 1];
  // What goes on now has no end yet: it grows with the live edge.
  if (last && root.to === null && last.to >= end) last.to = Infinity;
  return gone;
}

/** @param {Span[]} spans @param {Span[]} holes both merged @returns {Span[]} */
function subtract(spans, holes) {
  /** @type {Span[]} */
  const left = [];
  let next = 0;
  for (const span of spans) {
    let at = span.from;
    while (next < holes.length && holes[next].to <= at) next++;
    for (let index = next; index < holes.length && holes[index].from < span.to; index++) {
      if (holes[index].from > at) left.push({from: at, to: holes[index].from});
      at = Math.max(at, holes[index].to);
    }
    if (span.to > at) left.push({from: at, to: span.to});
  }
  return left;
}

/** @typedef {"attempt"|"failed"|"running"|"wait"|"sleep"} Trace */

/**
 * The whole run in a strip: one path for each kind, however many rows there are.
 * @param {Node[]} rows
 * @param {Scale} scale
 * @param {number} height
 * @param {number} now
 * @returns {Map<Trace, string>}
 */
export function overview(rows, scale, height, now) {
  /** @type {Map<string, {trace: Trace, y: number, from: number, to: number}>} */
  const marks = new Map();
  const levels = Math.max(1, Math.min(rows.length, Math.floor(height / 2)));
  /** @type {string[]} */
  const order = [];
  rows.forEach((node, index) => {
    if (node.type === "run" || node.call?.kind === "scope") return;
    const y = levels === 1 ? height / 2 : 1 + Math.round((Math.floor((index * levels) / rows.length) / (levels - 1)) * (height - 2));
    for (const shape of shapesOf(node, now, () => [])) {
      const trace = traceOf(shape);
      if (!trace) continue;
      const from = Math.round(scale.x(shape.from) * 2) / 2;
      const to = Math.max(from + 2, Math.round(scale.x(shape.to) * 2) / 2);
      const key = `${trace} ${y} ${Math.floor(from / 3)}`;
      const there = marks.get(key);
      if (there) there.to = Math.max(there.to, to);
      else { marks.set(key, {trace, y, from, to}); order.push(key); }
    }
  });
  /** @type {Map<Trace, string>} */
  const paths = new Map();
  for (const key of order) {
    const mark = /** @type {{trace: Trace, y: number, from: number, to: number}} */ (marks.get(key));
    paths.set(mark.trace, `${paths.get(mark.trace) ?? ""}M${mark.from} ${mark.y}H${mark.to}`);
  }
  return paths;
}

/** @param {Shape} shape @returns {Trace|null} */
function traceOf(shape) {
  if (shape.form === "attempt") return shape.status === "failed" || shape.status === "unknown" ? "failed" : shape.open ? "running" : "attempt";
  if (shape.form === "undo" || shape.form === "items") return "attempt";
  return shape.form === "wait" || shape.form === "sleep" ? shape.form : null;
}

/**
 * Items of a mapped call in lanes, so that those at the same time do not cover each other.
 * @param {{from: number, to: number, status: string}[]} items
 * @param {number} lanes
 * @returns {number[]} the lane of each
 */
export function lanesOf(items, lanes = 4) {
  const ends = new Array(lanes).fill(-Infinity);
  return items.map((item, index) => {
    let lane = ends.findIndex((end) => end <= item.from);
    if (lane < 0) lane = index % lanes;
    ends[lane] = Math.max(ends[lane], item.to);
    return lane;
  });
}
