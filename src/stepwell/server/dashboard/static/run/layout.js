// The call tree of a run as rows: which rows there are, in which order, and what each of them means.
// Pure: data in, data out. Times are milliseconds since 1970 with microseconds as the fraction.

/** @typedef {{n: number, began_at: string|null, ended_at: string|null, status: string, error?: any, again_at?: string|null, worker?: string|null, lost?: boolean}} Attempt */
/**
 * @typedef {object} Call
 * @property {string} id
 * @property {string|null} parent
 * @property {string} name
 * @property {string} kind
 * @property {string} status
 * @property {string|null} opened_at
 * @property {string|null} began_at
 * @property {string|null} ended_at
 * @property {string|null} due_at
 * @property {string|null} policy
 * @property {{file: string, line: number}|null} source
 * @property {boolean} undo
 * @property {Attempt[]} attempts
 * @property {{name: string, key: string|null, received_at: string|null}|null} event
 * @property {{id: string, workflow: string, status: string}|null} child
 * @property {any} [value]
 * @property {number|null} [value_size]
 * @property {any} [error]
 * @property {number|null} seq
 * @property {string} [run] the child run it belongs to, when it is shown in the place of its parent
 */
/**
 * @typedef {object} Node one place in the tree: the run, a call, or many calls of one name
 * @property {string} id
 * @property {"run"|"call"|"map"} type
 * @property {string} name
 * @property {string} status
 * @property {Call|null} call
 * @property {Node|null} parent
 * @property {Node[]} children
 * @property {number} depth
 * @property {number} place the position among its siblings, from 1
 * @property {number} from
 * @property {number|null} [began] of the run: when it was first claimed
 * @property {number|null} [due] of a run that has not begun: not before this
 * @property {number|null} to null while it is open
 */

/** Siblings of one name beyond this many become one row. */
export const MANY = 50;

const PRECISE = /^(.*?)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/;

/**
 * Milliseconds of an RFC 3339 time, microseconds kept; null where there is none.
 * @param {string|null|undefined} text
 * @returns {number|null}
 */
export function stamp(text) {
  if (!text) return null;
  const parts = PRECISE.exec(text);
  if (!parts) return null;
  const whole = Date.parse(parts[1] + (parts[3] || "Z"));
  if (Number.isNaN(whole)) return null;
  return whole + (parts[2] ? Number(`0.${parts[2]}`) * 1000 : 0);
}

/**
 * The tree of a run's calls; siblings of one name beyond MANY are gathered under a row of their own.
 * @param {{id: string, workflow: string, status: string, generation?: number, created_at: string, started_at?: string|null, finished_at?: string|null}} run
 * @param {Iterable<Call>} calls in order of creation
 * @returns {Node}
 */
export function tree(run, calls) {
  const made = stamp(run.created_at);
  const claimed = stamp(run.started_at);
  // It begins when it was made; a later generation, with its first call: what was before is not its own.
  const own = (run.generation ?? 1) > 1 ? firstOpened(calls) ?? claimed : null;
  const from = own ?? made ?? claimed ?? 0;
  const began = own ?? claimed;
  /** @type {Node} */
  const root = {id: "", type: "run", name: run.workflow, status: run.status, call: null, parent: null,
    children: [], depth: 0, place: 1, from, began, due: began === null && run.status === "queued" ? stamp(run.due_at) : null, to: stamp(run.finished_at)};
  /** @type {Map<string, Node>} */
  const nodes = new Map();
  for (const call of calls) {
    const ended = stamp(call.ended_at);
    nodes.set(call.id, {id: call.id, type: "call", name: call.name, status: call.status, call, parent: null,
      children: [], depth: 0, place: 1, from: stamp(call.opened_at) ?? stamp(call.began_at) ?? from, to: ended ?? (open(call.status) && root.to === null ? null : stamp(call.began_at) ?? stamp(call.opened_at) ?? from)});
  }
  for (const node of nodes.values()) {
    const above = node.call?.parent ? nodes.get(node.call.parent) : undefined;
    node.parent = above && above !== node ? above : root;
    node.parent.children.push(node);
  }
  settle(root);
  return root;
}

/** @param {Iterable<Call>} calls @returns {number|null} */
function firstOpened(calls) {
  let first = Infinity;
  for (const call of calls) first = Math.min(first, stamp(call.opened_at) ?? Infinity);
  return first === Infinity ? null : first;
}

/** @param {Node} root gathers, numbers and measures the nodes, without recursion: trees may be deep */
function settle(root) {
  const pending = [root];
  while (pending.length) {
    const node = /** @type {Node} */ (pending.pop());
    if (node.type !== "map") gather(node);
    node.children.forEach((child, index) => {
      child.depth = node.depth + 1;
      child.place = index + 1;
      pending.push(child);
    });
  }
}

/** @param {Node} node replaces more than MANY siblings of one name by one node that holds them */
function gather(node) {
  if (node.children.length <= MANY) return;
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const child of node.children) counts.set(kindAndName(child), (counts.get(kindAndName(child)) ?? 0) + 1);
  /** @type {Map<string, Node>} */
  const maps = new Map();
  /** @type {Node[]} */
  const kept = [];
  for (const child of node.children) {
    const key = kindAndName(child);
    if ((counts.get(key) ?? 0) <= MANY) { kept.push(child); continue; }
    let map = maps.get(key);
    if (!map) {
      map = {id: `map:${node.id}/${key}`, type: "map", name: plainName(child.name), status: "succeeded", call: null, parent: node,
        children: [], depth: 0, place: 1, from: child.from, to: null};
      maps.set(key, map);
      kept.push(map);
    }
    child.parent = map;
    map.children.push(child);
  }
  for (const map of maps.values()) {
    map.status = summed(map.children);
    map.from = map.children.reduce((least, each) => Math.min(least, each.from), Infinity);
    map.to = map.children.some((each) => each.to === null) ? null : map.children.reduce((most, each) => Math.max(most, each.to ?? 0), 0);
  }
  node.children = kept;
}

/** @param {Node} node siblings of one name are told apart by a number at its end */
const kindAndName = (node) => `${node.call?.kind ?? ""}:${plainName(node.name)}`;

/** @param {string} name */
export const plainName = (name) => name.replace(/\s?#\d+$/, "");

/** @param {string} status */
export const open = (status) => status === "queued" || status === "running" || status === "waiting" || status === "unknown";

/**
 * The status that many items have together: what needs a look first.
 * @param {Node[]} nodes
 */
export function summed(nodes) {
  const found = new Set(nodes.map((node) => node.status));
  for (const status of ["running", "waiting", "queued", "failed", "unknown", "cancelled"]) if (found.has(status)) return status;
  return "succeeded";
}

/**
 * How many items have which status, in the order in which they are told.
 * @param {Node[]} nodes
 * @returns {{status: string, count: number}[]}
 */
export function counted(nodes) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const node of nodes) counts.set(node.status, (counts.get(node.status) ?? 0) + 1);
  return ["succeeded", "failed", "cancelled", "unknown", "running", "waiting", "queued"]
    .flatMap((status) => (counts.has(status) ? [{status, count: /** @type {number} */ (counts.get(status))}] : []));
}

/**
 * The rows to show, from top to bottom.
 * @param {Node} root
 * @param {(node: Node) => boolean} expanded whether the children of a node are shown
 * @param {string} [find] part of a name: only matching rows and those above them remain
 * @returns {Node[]}
 */
export function rows(root, expanded, find = "") {
  const needle = find.trim().toLowerCase();
  const wanted = needle ? matching(root, needle) : null;
  /** @type {Node[]} */
  const shown = [];
  const pending = [root];
  while (pending.length) {
    const node = /** @type {Node} */ (pending.pop());
    if (wanted && !wanted.has(node)) continue;
    shown.push(node);
    if (wanted ? node.children.some((child) => wanted.has(child)) : expanded(node)) {
      for (let index = node.children.length - 1; index >= 0; index--) pending.push(node.children[index]);
    }
  }
  return shown;
}

/** @param {Node} root @param {string} needle @returns {Set<Node>} */
function matching(root, needle) {
  const found = new Set([root]);
  const pending = [...root.children];
  while (pending.length) {
    const node = /** @type {Node} */ (pending.pop());
    pending.push(...node.children);
    const child = node.call?.child?.id ?? "";
    if (node.type === "map" || !(node.name.toLowerCase().includes(needle) || node.id.toLowerCase().includes(needle) || child.toLowerCase().includes(needle))) continue;
    for (let above = /** @type {Node|null} */ (node); above && !found.has(above); above = above.parent) found.add(above);
  }
  return found;
}

/**
 * The part of a list that a window shows, with some rows on both sides.
 * @param {number} count
 * @param {number} height of one row
 * @param {number} top how far the list is scrolled
 * @param {number} visible height of the window
 * @returns {{first: number, last: number}} last is not included
 */
export function windowed(count, height, top, visible) {
  const first = Math.max(0, Math.min(count, Math.floor(top / height) - 8));
  const last = Math.min(count, Math.ceil((top + visible) / height) + 8);
  return {first, last: Math.max(first, last)};
}

/**
 * How often a call may be tried, read from its policy ("6 attempts, 4s apart, doubling"; "retries 5"); null when that is not told.
 * @param {Call} call
 */
export function allowedAttempts(call) {
  const tries = /\b(\d+)\s+attempts?\b/.exec(call.policy ?? "");
  if (tries) return Number(tries[1]);
  const retries = /\bretr(?:ies|y)\s+(\d+)\b|\b(\d+)\s+retr(?:ies|y)\b/.exec(call.policy ?? "");
  return retries ? Number(retries[1] ?? retries[2]) + 1 : null;
}

/**
 * The node to look at first: what failed, else what runs or waits, else the run itself.
 * @param {Node} root
 * @returns {Node}
 */
export function notable(root) {
  const ended = !open(root.status) && root.status !== "paused";
  for (const status of root.status === "failed" || root.status === "parked" ? ["failed", "unknown", "running"] : ended ? [] : ["running", "failed", "waiting", "queued"]) {
    /** @type {Node|null} */
    let best = null;
    const pending = [...root.children];
    while (pending.length) {
      const node = /** @type {Node} */ (pending.pop());
      pending.push(...node.children);
      if (node.type !== "call" || node.status !== status || node.call?.kind === "scope" || node.call?.kind === "undo") continue;
      if (!best || node.from > best.from) best = node;
    }
    if (best) return best;
  }
  return root;
}
