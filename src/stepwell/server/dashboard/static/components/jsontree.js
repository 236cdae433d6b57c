// A JSON value as a tree: lazy, searchable, every path and value to copy. Shows text only.

import {fieldOf} from "./schema.js";
import {writeText} from "./copy.js";
import {h, say} from "../lib/dom.js";
import {bytes} from "../lib/format.js";

/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {{value: any, key: string|number|null, path: string, depth: number, schema: any}} Place */

const PAGE = 100;
const CUT = 200;
const MOST_FOUND = 200;
const MOST_VISITED = 100_000;

const HINTS = /** @type {Record<string, string>} */ ({decimal: "Decimal", date: "date", datetime: "datetime", time: "time", uuid: "UUID", binary: "bytes", duration: "timedelta"});

/**
 * @param {any} value
 * @param {{schema?: Schema|null, label?: string}} [options] schema: of the value, to name types that JSON lacks
 * @returns {{element: HTMLElement, search: (text: string) => void}}
 */
export function jsonTree(value, {schema = null, label = "Value"} = {}) {
  const root = schema ?? {};
  const element = h("div", {class: "jt", role: "tree", "aria-label": label});
  const whole = {value, key: null, path: "", depth: -1, schema: root};
  const fill = () => {
    element.replaceChildren(...(isContainer(value) && size(value) ? children(whole, root) : [line({...whole, depth: 0}, root, null)]));
    const first = element.querySelector(".jt-line");
    if (first) /** @type {HTMLElement} */ (first).tabIndex = 0;
  };
  element.addEventListener("keydown", (event) => travel(element, event));
  fill();
  return {
    element,
    search(text) {
      const needle = text.trim().toLowerCase();
      if (!needle) return fill();
      element.replaceChildren(...found(whole, root, needle));
    },
  };
}

/** @param {string} text @param {HTMLElement} from marked for a moment */
async function copyText(text, from) {
  if (!(await writeText(text))) return;
  from.classList.add("copied");
  setTimeout(() => from.classList.remove("copied"), 1000);
}

/** @param {any} value */
const isContainer = (value) => value !== null && typeof value === "object";

/** @param {any} value */
const size = (value) => (Array.isArray(value) ? value.length : Object.keys(value).length);

/** @param {Place} place @param {Schema} root @param {number} from @param {number} to @returns {Place[]} */
function parts(place, root, from = 0, to = Infinity) {
  const field = fieldOf(place.schema, root);
  const {value} = place;
  /** @param {string|number} key @param {any} part @param {any} schema @returns {Place} */
  const part = (key, part, schema) => ({value: part, key, path: extended(place.path, key), depth: place.depth + 1, schema: schema && typeof schema === "object" ? schema : {}});
  if (Array.isArray(value)) return value.slice(from, to).map((each, index) => part(from + index, each, field.schema.prefixItems?.[from + index] ?? field.schema.items));
  const branch = field.kind === "union" ? field.branches?.find((each) => Object.keys(value).every((key) => key in (each.schema.properties ?? {}))) ?? field : field;
  return Object.keys(value).slice(from, to).map((key) => part(key, value[key], branch.schema.properties?.[key] ?? branch.schema.additionalProperties));
}

/** @param {string} path @param {string|number} key */
const extended = (path, key) => (typeof key === "number" ? `${path}[${key}]` : /^[\p{L}_][\p{L}\p{N}_]*$/u.test(key) ? (path ? `${path}.${key}` : key) : `${path}[${JSON.stringify(key)}]`);

/** @param {Place} place @param {Schema} root @param {number} [from] @returns {HTMLElement[]} */
function children(place, root, from = 0) {
  const shown = parts(place, root, from, from + PAGE).map((part) => node(part, root));
  const left = size(place.value) - from - shown.length;
  if (left <= 0) return shown;
  const more = h("button", {type: "button", class: "jt-more link", onclick: () => {
    const next = children(place, root, from + PAGE);
    more.replaceWith(...next);
    /** @type {HTMLElement|null} */ (next[0]?.querySelector(".jt-line") ?? null)?.focus();
  }}, `show ${Math.min(PAGE, left)} more of ${size(place.value).toLocaleString("en")}`);
  more.style.setProperty("--depth", String(place.depth + 1));
  return [...shown, more];
}

/** @param {Place} place @param {Schema} root @returns {HTMLElement} */
function node(place, root) {
  const {value, depth} = place;
  if (!isContainer(value) || size(value) === 0) return line(place, root, null);
  const isOpen = Array.isArray(value) ? depth < 1 && value.length <= 10 : depth < 2 && size(value) <= 30;
  const inner = h("div", {role: "group"});
  let filled = false;
  /** @param {boolean} open */
  const open = (open) => {
    if (open && !filled) {
      filled = true;
      inner.replaceChildren(...children(place, root));
    }
    inner.hidden = !open;
    head.setAttribute("aria-expanded", String(open));
  };
  const head = line(place, root, open);
  open(isOpen);
  return h("div", {class: "jt-node", role: "none"}, head, inner);
}

/** @param {Place} place @param {Schema} root @param {((open: boolean) => void)|null} open @returns {HTMLElement} */
function line(place, root, open) {
  const {key} = place;
  const flip = () => open?.(element.getAttribute("aria-expanded") !== "true");
  const element = h("div", {class: "jt-line", role: "treeitem", tabindex: "-1"},
    h("span", {class: "jt-twist", "aria-hidden": "true", onclick: flip}),
    key === null ? null : h("span", {class: "jt-key", dir: "auto", title: `Copy the path ${place.path}`, onclick: () => copyText(place.path, element)}, String(key)),
    key === null ? null : h("span", {class: "jt-colon"}, ": "),
    ...shownValue(place, root, flip));
  element.style.setProperty("--depth", String(Math.max(0, place.depth)));
  if (open) element.addEventListener("dblclick", flip);
  return element;
}

/** @param {Place} place @param {Schema} root @param {() => void} flip @returns {HTMLElement[]} */
function shownValue({value, schema}, root, flip) {
  const copy = (/** @type {MouseEvent} */ event) => copyText(typeof value === "string" ? value : JSON.stringify(value), /** @type {HTMLElement} */ (event.currentTarget));
  if (isContainer(value)) {
    const count = size(value);
    return [h("span", {class: "jt-hint jt-count", onclick: flip}, Array.isArray(value) ? `[${count}]` : `{${count}}`)];
  }
  const field = fieldOf(schema, root);
  const hint = HINTS[field.kind];
  if (typeof value !== "string") return [h("span", {class: value === null ? "jt-hint jt-value" : "jt-number jt-value", title: "Copy the value", onclick: copy}, String(value))];
  if (value.includes("••••")) return [h("span", {class: "jt-hint"}, JSON.stringify(value)), h("span", {class: "jt-hint jt-type"}, "redacted")];
  const isBare = hint !== undefined && field.kind !== "binary";
  const text = h("span", {class: isBare ? "jt-number jt-value" : "jt-string jt-value", dir: "auto", title: "Copy the value", onclick: copy}, isBare ? value : quoted(value.slice(0, CUT), value.length > CUT));
  const after = [];
  if (value.length > CUT) {
    const more = h("button", {type: "button", class: "link jt-all", onclick: () => { say(text, isBare ? value : JSON.stringify(value)); more.remove(); }}, `show all ${bytes(new Blob([value]).size)}`);
    after.push(more);
  }
  if (hint) after.push(h("span", {class: "jt-hint jt-type"}, hint));
  return [text, ...after];
}

/** @param {string} text @param {boolean} isCut */
const quoted = (text, isCut) => (isCut ? `${JSON.stringify(text).slice(0, -1)}…` : JSON.stringify(text));

/** @param {Place} whole @param {Schema} root @param {string} needle @returns {HTMLElement[]} */
function found(whole, root, needle) {
  /** @type {Place[]} */
  const hits = [];
  const pending = isContainer(whole.value) ? parts(whole, root).reverse() : [whole];
  let visited = 0;
  while (pending.length && hits.length < MOST_FOUND && visited++ < MOST_VISITED) {
    const place = /** @type {Place} */ (pending.pop());
    const text = isContainer(place.value) ? "" : String(place.value);
    if (String(place.key ?? "").toLowerCase().includes(needle) || text.toLowerCase().includes(needle)) hits.push(place);
    if (isContainer(place.value)) pending.push(...parts(place, root).reverse());
  }
  if (!hits.length) return [h("p", {class: "jt-hint jt-none"}, "Nothing matches.")];
  return hits.map((place) => line({...place, key: place.path || place.key, depth: 0}, root, null));
}

/** @param {HTMLElement} tree @param {KeyboardEvent} event moves in the tree by the arrow keys */
function travel(tree, event) {
  const at = /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest(".jt-line"));
  if (!at || event.altKey || event.ctrlKey || event.metaKey) return;
  const lines = /** @type {HTMLElement[]} */ ([...tree.querySelectorAll(".jt-line")].filter((each) => !each.closest("[hidden]")));
  const index = lines.indexOf(at);
  const expanded = at.getAttribute("aria-expanded");
  const twist = /** @type {HTMLElement} */ (at.querySelector(".jt-twist"));
  const depth = Number(at.style.getPropertyValue("--depth"));
  const moves = /** @type {Record<string, () => HTMLElement|null|undefined|void>} */ ({
    ArrowDown: () => lines[index + 1],
    ArrowUp: () => lines[index - 1],
    Home: () => lines[0],
    End: () => lines[lines.length - 1],
    ArrowRight: () => (expanded === "false" ? twist.click() : expanded === "true" ? lines[index + 1] : null),
    ArrowLeft: () => (expanded === "true" ? twist.click() : lines.slice(0, index).reverse().find((each) => Number(each.style.getPropertyValue("--depth")) < depth)),
    Enter: () => (expanded === null ? /** @type {HTMLElement|null} */ (at.querySelector(".jt-value"))?.click() : twist.click()),
  });
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  event.stopPropagation();
  const next = move();
  if (!next) return;
  for (const each of lines) each.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
