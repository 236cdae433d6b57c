// What stands beside the name of a row, and what a screen reader says of it.

import {allowedAttempts, counted, open, stamp} from "./layout.js";
import {duration, spokenDuration} from "../lib/format.js";

/** @typedef {import("./layout.js").Node} Node */

/**
 * The short text at the right of a name: attempts, time left, the child's id, or how long it took.
 * @param {Node} node
 * @param {number} now
 */
export function meta(node, now) {
  const call = node.call;
  if (node.type === "map") return mapText(node);
  if (call?.child) return call.child.id;
  const due = call ? stamp(call.due_at) : node.due ?? null;
  if (node.to === null && isTimed(call) && isParked(node)) return "parked";
  if (!call && due !== null && due > now) return `in ${duration((due - now) / 1000)}`;
  if (node.to === null && due !== null && due > now) return duration((due - now) / 1000);
  if (call && node.to === null && call.attempts.length > 1) {
    const allowed = allowedAttempts(call);
    const n = call.attempts[call.attempts.length - 1].n;
    return allowed && allowed >= n ? `${n} of ${allowed}` : `attempt ${n}`;
  }
  if (call && call.attempts.length > 1) return `${call.attempts.length} attempts`;
  return duration(((node.to ?? now) - node.from) / 1000);
}

/** @param {import("./layout.js").Call|null} call whether it ends at a time */
const isTimed = (call) => call?.kind === "sleep" || call?.kind === "timeout" || call?.kind === "wait";

/** @param {Node} node whether its run stands still until a person acts, so that nothing counts down */
function isParked(node) {
  let at = node;
  while (at.parent) at = at.parent;
  return at.status === "parked";
}

/** @param {Node} node */
function mapText(node) {
  const done = node.children.filter((child) => child.status === "succeeded").length;
  return `${done.toLocaleString("en")} of ${node.children.length.toLocaleString("en")}`;
}

/**
 * "map, 30 done, 1 failed": what the items of a gathered row are doing.
 * @param {Node} node
 */
export const itemsText = (node) => counted(node.children)
  .map(({status, count}) => `${count.toLocaleString("en")} ${status === "succeeded" ? "done" : status}`).join(", ");

/**
 * "charge, succeeded, 3 attempts, 9.4 seconds".
 * @param {Node} node
 * @param {number} now
 */
export function spoken(node, now) {
  if (node.type === "map") return `${node.name}, ${node.children.length} items, ${itemsText(node)}`;
  const call = node.call;
  const words = [node.name, node.status];
  if (call?.kind === "undo") words.push("undo");
  if (call?.child) words.push(`child run ${call.child.id}`);
  if (call && call.attempts.length > 1) words.push(`${call.attempts.length} attempts`);
  const due = stamp(call?.due_at);
  if (node.to === null && isTimed(call) && isParked(node)) words.push("the run is parked");
  else if (node.to === null && due !== null && due > now) words.push(`${spokenDuration((due - now) / 1000)} left`);
  else if (node.to !== null || open(node.status)) words.push(spokenDuration(((node.to ?? now) - node.from) / 1000) + (node.to === null ? " so far" : ""));
  return words.join(", ");
}
