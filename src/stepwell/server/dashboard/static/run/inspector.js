// The pane at the right: everything about the chosen step.

import {attemptList, shownAttempt} from "./attempts.js";
import {now} from "./clock.js";
import {itemGrid} from "./items.js";
import {open as isOpen, stamp} from "./layout.js";
import {causeSection} from "./samecause.js";
import {valueSection} from "./values.js";
import {copyButton} from "../components/copy.js";
import {factsText, frames, headline, traceback} from "../components/errorview.js";
import {icon, stateBadge, stateIcon} from "../components/icons.js";
import {nameText} from "../components/names.js";
import {h} from "../lib/dom.js";
import {clockTime, dayTime, duration} from "../lib/format.js";
import {link} from "../lib/router.js";

/** @typedef {import("./layout.js").Node} Node */
/** @typedef {import("./layout.js").Call} Call */
/** @typedef {import("./same.js").Cause} Cause */
/**
 * @typedef {object} Known what the pane needs to know about the run around a step
 * @property {any} detail
 * @property {Node} root
 * @property {any} schema of the input, by name
 * @property {any} output its schema
 * @property {(failure: any) => {cause: Cause, to: string}|null} same
 * @property {string|null} told the call whose error is told beside the pane already
 */

const SIGNS = /** @type {Record<string, string>} */ ({step: "step", nested: "step", sleep: "clock", timeout: "clock", wait: "mail", child: "workflow", scope: "group", fold: "group", undo: "undo", run: "workflow", map: "group"});

/**
 * @param {{select: (id: string) => void, value: (seq: number, run?: string) => Promise<any>, valueUrl: (seq: number, run?: string) => string, retryAll: ((cause: Cause) => void)|null}} hooks
 */
export function inspector(hooks) {
  const head = h("header", {class: "insp-head"});
  const sections = h("div", {class: "insp-sections"});
  const element = h("div", {class: "insp-scroll"}, head, sections);
  /** @type {Map<string, {signature: string, element: HTMLElement}>} */
  let built = new Map();
  let chosen = "";
  /** @type {number|null} */
  let attempt = null;
  /** @type {{node: Node, known: Known}|null} */
  let last = null;

  /**
   * Shows a node; what is already there and unchanged stays the same element.
   * @param {Node} node
   * @param {Known} known
   */
  function show(node, known) {
    if (node.id !== chosen) {
      chosen = node.id;
      attempt = null;
      built = new Map();
    }
    last = {node, known};
    /** @type {Map<string, {signature: string, element: HTMLElement}>} */
    const next = new Map();
    for (const [name, signature, build] of wanted(node, known)) {
      const text = JSON.stringify(signature) ?? "";
      const there = built.get(name);
      next.set(name, there && there.signature === text ? there : {signature: text, element: build()});
    }
    built = next;
    const parts = [...next.values()].map((each) => each.element);
    if (parts.length !== sections.children.length || parts.some((part, index) => sections.children[index] !== part)) sections.replaceChildren(...parts);
    const line = headSignature(node);
    if (head.dataset.of !== line) {
      head.dataset.of = line;
      head.replaceChildren(...headOf(node));
    }
  }

  /** @param {Node} node @param {Known} known @returns {[string, any, () => HTMLElement][]} */
  function wanted(node, known) {
    const {call} = node;
    if (node.type === "run") return runSections(node, known, hooks);
    if (node.type === "map") return [["items", node.children.map((child) => child.status), () => itemGrid(node, hooks.select)]];
    if (!call) return [];
    /** @type {[string, any, () => HTMLElement][]} */
    const parts = [];
    const shown = shownAttempt(call, attempt);
    if (call.attempts.length) {
      parts.push(["attempts", [call.attempts, attempt, call.status], () => attemptList(call, shown?.n ?? null, (n) => { attempt = n; if (last) show(last.node, last.known); })]);
    }
    if (call.event) parts.push(["event", [call.event, call.status, call.due_at], () => eventSection(call)]);
    if (call.kind === "sleep" || call.kind === "timeout") parts.push(["time", [call.due_at, call.ended_at], () => timeSection(call)]);
    if (call.child) parts.push(["child", call.child, () => childSection(call)]);
    const failure = shown?.error ?? (isOpen(call.status) ? null : call.error);
    const same = failure ? known.same(failure) : null;
    if (failure && call.id === known.told && attempt === null) {
      if (same) parts.push(["cause", same.cause, () => causeSection(same.cause, same.to, hooks.retryAll)]);
      parts.push(["input", known.detail.input, () => runInput(known, hooks)]);
    } else if (failure) parts.push(["error", [failure, shown?.n, same?.cause.count], () => errorSection(failure, shown?.n ?? null, call, known)]);
    const undone = call.id === known.told ? undosOf(known.root) : [];
    if (undone.length) parts.push(["undone", undone.map((each) => each.status), () => undoSection(undone)]);
    if (!["scope", "sleep", "timeout"].includes(call.kind) && call.id !== known.told) {
      parts.push(["output", [call.status, call.value, call.value_size], () => valueSection({title: call.kind === "wait" ? "Payload" : "Output", value: call.value, size: call.value_size ?? null, schema: null,
        empty: emptyText(call), seq: call.seq, run: call.run, hooks})]);
    }
    parts.push(["identity", call.id, () => identitySection(call)]);
    return parts;
  }

  return {
    element, show,
    /** forget which sections were drawn, after the facts around them have changed */
    again() { if (last) show(last.node, last.known); },
  };
}

/** @param {Node} node */
const headSignature = (node) => `${node.type} ${node.name} ${node.status} ${node.call?.policy ?? ""}`;

/** @param {Node} node @returns {HTMLElement[]} */
function headOf(node) {
  const {call} = node;
  const facts = [call?.source ? `${call.source.file}:${call.source.line}` : null, ...(call?.policy ? [call.policy] : []),
    node.type === "map" ? `${node.children.length.toLocaleString("en")} calls of one name` : null].filter((each) => each !== null);
  return [h("div", {class: "insp-title"}, icon(SIGNS[call?.kind ?? node.type] ?? "step"), h("h2", {}, nameText(node.name)), stateBadge(node.status)),
    ...(facts.length ? [h("p", {class: "insp-sub"}, h("bdi", {}, facts.join(" · ")))] : [])];
}

/** @param {Call} call */
function emptyText(call) {
  if (call.kind === "wait") return isOpen(call.status) ? "None yet. Recorded when the event comes." : "No event came.";
  return isOpen(call.status) ? "None yet. Recorded when an attempt succeeds." : call.status === "succeeded" ? "Nothing was returned." : "None. It did not succeed.";
}

/** @param {string} title @param {any} beside @param {any[]} tools @param {any[]} content */
const section = (title, beside, tools, ...content) => h("section", {class: "insp-section"},
  h("div", {class: "insp-bar"}, h("h3", {}, title), beside ? h("span", {class: "quiet"}, beside) : null, ...tools), ...content);

/** @param {any} failure @param {number|null} n @param {Call} call @param {Known} known */
function errorSection(failure, n, call, known) {
  const same = known.same(failure);
  const usedUp = call.status === "failed" && n !== null && n === call.attempts[call.attempts.length - 1]?.n && call.attempts.length > 1;
  const facts = factsText(failure, usedUp);
  return section(n === null ? "Error" : `Error in attempt ${n}`, null, [copyButton(() => traceback(failure), "Copy traceback", true)],
    headline(failure, false), frames(failure),
    facts || same ? h("p", {class: "err-facts"}, failure.retryable ? icon("retry") : null, h("bdi", {}, facts), facts && same ? ", " : null,
      same ? [`${same.cause.count.toLocaleString("en")} ${same.cause.count === 1 ? "run" : "runs"} failed like this in 24 h `, link(same.to, "Show")] : null) : null);
}

/** @param {Call} call */
function eventSection(call) {
  const {event} = call;
  const due = stamp(call.due_at);
  const rows = [["Event", h("bdi", {class: "mono"}, event?.name ?? "")], ["Key", event?.key ? h("bdi", {class: "mono"}, event.key) : "to this run"], ["Waits since", clockTime(stamp(call.opened_at) ?? 0)]];
  if (event?.received_at) rows.push(["Came", clockTime(stamp(event.received_at) ?? 0)]);
  else if (due !== null) rows.push([isOpen(call.status) ? "Until" : "Was due", dayTime(due)]);
  return section("Event", null, [], facts(rows));
}

/** @param {Call} call */
function timeSection(call) {
  const due = stamp(call.due_at);
  const from = stamp(call.opened_at) ?? 0;
  const rows = [["Began", clockTime(from)]];
  if (due !== null) rows.push([call.ended_at ? "Was due" : "Due", dayTime(due)], ["Length", duration((due - from) / 1000)]);
  if (call.ended_at) rows.push(["Ended", clockTime(stamp(call.ended_at) ?? 0)]);
  return section("Time", null, [], facts(rows));
}

/** @param {Call} call */
function childSection(call) {
  const child = /** @type {{id: string, workflow: string, status: string}} */ (call.child);
  return section("Child run", null, [], h("p", {class: "insp-child"}, stateIcon(child.status, 16), link(`/runs/${encodeURIComponent(child.id)}`, h("bdi", {class: "mono"}, child.id)), h("bdi", {class: "quiet"}, child.workflow)));
}

/** @param {Call} call */
const identitySection = (call) => section("Identity", null, [copyButton(() => call.id, "Copy the identity", true)],
  h("p", {class: "mono insp-id"}, h("bdi", {}, call.id)), call.seq === null ? null : h("p", {class: "mono quiet"}, `entry ${call.seq}`));

/** @param {any[][]} rows */
const facts = (rows) => h("dl", {class: "insp-facts"}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

/** @param {Node} node @param {Known} known @param {any} hooks @returns {[string, any, () => HTMLElement][]} */
function runSections(node, known, hooks) {
  const {detail} = known;
  /** @type {[string, any, () => HTMLElement][]} */
  const parts = [];
  if (detail.error) {
    const {error} = detail;
    parts.push(["error", [error, known.same(error)?.cause.count], () => errorSection(error, null, /** @type {any} */ ({status: "failed", attempts: []}), known)]);
  }
  parts.push(["input", [detail.input, Boolean(known.schema)], () => runInput(known, hooks)]);
  parts.push(["result", [detail.status, detail.result], () => valueSection({title: "Result", value: detail.result, size: null, schema: known.output, empty: isOpen(node.status) || node.status === "paused" || node.status === "parked" ? "None yet. Recorded when the run succeeds." : "None. It did not succeed.", seq: null, hooks})]);
  const undone = undosOf(node);
  if (undone.length) parts.push(["undone", undone.map((each) => each.status), () => undoSection(undone)]);
  parts.push(["identity", detail.key, () => section("Identity", null, [copyButton(() => detail.id, "Copy the id", true)], h("p", {class: "mono insp-id"}, h("bdi", {}, detail.id)), h("p", {class: "mono quiet"}, `key ${detail.key}`))]);
  return parts;
}

/** @param {Known} known @param {any} hooks */
const runInput = (known, hooks) => valueSection({title: "Input", value: known.detail.input, size: null, schema: known.schema, empty: "No input.", seq: null, hooks});

/** @param {Node} root */
function undosOf(root) {
  /** @type {Node[]} */
  const found = [];
  const pending = [root];
  while (pending.length) {
    const node = /** @type {Node} */ (pending.pop());
    if (node.call?.kind === "undo") found.push(node);
    pending.push(...node.children);
  }
  return found.sort((a, b) => a.from - b.from);
}

/** @param {Node[]} undone */
const undoSection = (undone) => section("Undone", "in reverse order", [], h("ul", {class: "insp-list"},
  ...undone.map((each) => h("li", {}, stateIcon(each.status, 16), h("bdi", {}, each.name), h("span", {class: "quiet end"}, duration(((each.to ?? now()) - each.from) / 1000))))));
