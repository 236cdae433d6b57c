// The rows that are in sight, as elements that are kept and changed in place.

import {draw} from "./draw.js";
import {itemsText, meta, spoken} from "./rowtext.js";
import {shapesOf} from "./shapes.js";
import {stateIcon, icon} from "../components/icons.js";
import {attribute, h, say, svg} from "../lib/dom.js";

/** @typedef {import("./layout.js").Node} Node */
/** @typedef {import("./draw.js").Grow} Grow */
/** @typedef {import("./scale.js").Scale} Scale */
/** @typedef {{scale: Scale, left: number, width: number, pad: number, now: number, live: boolean, away: () => import("./scale.js").Span[], compact: boolean, height: number}} Frame */
/**
 * @typedef {object} RowView
 * @property {HTMLElement} element
 * @property {string} drawn what its picture was made from
 * @property {string} status
 * @property {Grow[]} grow
 * @property {Node} node
 */

/** The name of a row as an id of the page: text of the user must not clash with ours. */
export const rowId = (/** @type {string} */ id) => `row-${[...id].map((char) => (/[A-Za-z0-9]/.test(char) ? char : `_${char.codePointAt(0)?.toString(16)}`)).join("")}`;

/**
 * A new row.
 * @param {Node} node
 * @param {(node: Node) => void} toggle
 * @returns {RowView}
 */
export function rowView(node, toggle) {
  const bars = svg("svg", {class: "tl-bars", focusable: "false"});
  /** @type {RowView} */
  const view = {element: h("div", {class: "tl-row", role: "row", id: rowId(node.id)}), drawn: "", status: "", grow: [], node};
  const twist = h("span", {class: "tl-twist", "aria-hidden": "true", onclick: (/** @type {Event} */ event) => { event.stopPropagation(); toggle(view.node); }}, icon("chevron"));
  view.element.append(
    h("div", {class: "tl-cell", role: "gridcell"}, twist, h("span", {class: "tl-state"}), h("span", {class: "tl-name", dir: "auto"}), h("span", {class: "tl-meta"})),
    h("div", {class: "tl-gantt", role: "gridcell", "aria-hidden": "true"}, bars));
  view.element.dataset.row = node.id;
  return view;
}

/** @param {RowView} view @param {string} part @returns {HTMLElement} */
const part = (view, part) => /** @type {HTMLElement} */ (view.element.querySelector(`.tl-${part}`));

/**
 * Brings a row up to date; only what changed is touched.
 * @param {RowView} view
 * @param {Node} node
 * @param {{frame: Frame, index: number, selected: boolean, expandable: boolean, expanded: boolean, version: number}} state
 */
export function refresh(view, node, state) {
  const {element} = view;
  const {frame} = state;
  view.node = node;
  element.style.transform = `translateY(${state.index * frame.height}px)`;
  element.style.setProperty("--depth", String(Math.min(node.depth, 12)));
  attribute(element, "aria-level", String(node.depth + 1));
  attribute(element, "aria-posinset", String(node.place));
  attribute(element, "aria-setsize", String(node.parent ? node.parent.children.length : 1));
  attribute(element, "aria-selected", String(state.selected));
  attribute(element, "aria-expanded", state.expandable ? String(state.expanded) : null);
  attribute(element, "aria-label", spoken(node, frame.now));
  if (view.status !== node.status) {
    const cell = part(view, "state");
    cell.replaceChildren(stateIcon(node.status, 14));
    if (view.status) flash(cell);
    view.status = node.status;
  }
  const name = node.type === "map" ? `${node.name} × ${node.children.length.toLocaleString("en")}` : node.name;
  say(part(view, "name"), name);
  attribute(part(view, "name"), "title", node.type === "map" ? itemsText(node) : node.id || node.name);
  retext(view, frame.now);
  const key = `${state.version} ${node.status} ${node.to} ${node.call?.attempts.length ?? node.children.length} ${node.call?.event?.received_at ?? ""}`;
  if (view.drawn !== key) {
    view.drawn = key;
    redraw(view, frame);
  }
}

/** @param {RowView} view @param {number} now the text that changes with time */
export function retext(view, now) {
  const cell = part(view, "meta");
  const text = meta(view.node, now);
  say(cell, text);
}

/** @param {RowView} view @param {Frame} frame */
function redraw(view, frame) {
  const bars = /** @type {SVGElement} */ (view.element.querySelector(".tl-bars"));
  const middle = frame.compact ? 13 : frame.height / 2;
  const canvas = {scale: frame.scale, left: frame.left - frame.pad, width: frame.width + 2 * frame.pad, middle};
  const {elements, grow} = draw(shapesOf(view.node, frame.now, frame.away), canvas);
  view.grow = frame.live ? grow : [];
  if (frame.compact) {
    for (const piece of frame.scale.pieces) {
      if (piece.fold) elements.unshift(svg("rect", {class: "tl-fold-body", x: piece.x0 - frame.left + frame.pad + 4, y: 2, width: Math.max(4, piece.x1 - piece.x0 - 8), height: 22}));
    }
    if (frame.live) {
      const edge = svg("line", {class: "tl-edge", y1: 2, y2: 24});
      view.grow.push((x) => { edge.setAttribute("x1", String(x)); edge.setAttribute("x2", String(x)); });
      elements.push(edge);
    }
  }
  bars.replaceChildren(...elements);
}

/** @param {HTMLElement} cell */
function flash(cell) {
  cell.classList.remove("flash");
  void cell.offsetWidth;
  cell.classList.add("flash");
}
