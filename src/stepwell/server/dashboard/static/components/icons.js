// Signs of the interface, drawn here; the states' signs are in states.js and are handed on.

import {h, svg} from "../lib/dom.js";
import {stateIcon, stateName} from "./states.js";

export {stateIcon, stateName};

/** Paths on 16 × 16, stroked. @type {Record<string, string>} */
const PATHS = {
  check: "M3.5 8.4l3 3l6-6.6",
  chevron: "M6.2 4l4 4l-4 4",
  "chevron-down": "M4 6.2l4 4l4-4",
  "chevron-left": "M9.8 4l-4 4l4 4",
  "arrow-up": "M8 13V3.4M4 7.2l4-4l4 4",
  "arrow-down": "M8 3v9.6M4 8.8l4 4l4-4",
  back: "M9.8 3.5L5.3 8l4.500 4.500",
  calendar: "M2.500 3.500h11v10h-11zM2.500 6.500h11M5.500 2v2.500M10.500 2v2.500",
  clock: "M8 2.2a5.800 5.800 0 1 0 .01 0M8 5v3.200l2.200 1.300",
  close: "M4 4l8 8M12 4l-8 8",
  columns: "M2.500 3h11v10h-11zM6.200 3v10M9.800 3v10",
  copy: "M5.500 5.500h8v8h-8zM3 10.500h-.5v-8h8v.5",
  download: "M8 2.500v7.500M4.800 7l3.200 3.200L11.200 7M3 13.300h10",
  external: "M9 3h4v4M13 3L7.500 8.500M11 9.500v3.500h-8v-8h3.500",
  failed: "M5.700 2.200h4.600l3.500 3.500v4.600l-3.500 3.500h-4.600l-3.500-3.500v-4.600zM6 6l4 4M10 6l-4 4",
  filter: "M2 4h12M4.500 8h7M6.500 12h3",
  group: "M4 3v10M4 3h2.500M4 13h2.500M10 6h3v4h-3z",
  inbox: "M2.500 9.500l1.800-6h7.400l1.800 6v3.500h-11zM2.500 9.500h3.200l.8 1.500h3l.8-1.500h3.200",
  info: "M8 2.200a5.800 5.800 0 1 0 .01 0M8 7.300v3.700M8 4.900v.2",
  key: "M10.500 2.500a3 3 0 1 0 .01 0M8.300 7.700L3 13M5 11l1.500 1.500",
  lines: "M2 4.500h12M2 8h12M2 11.500h8",
  list: "M2 4h12M2 8h8M2 12h5",
  lock: "M3.500 7.500h9v6h-9zM5.500 7.500v-2a2.500 2.500 0 0 1 5 0v2",
  mail: "M2.200 3.500h11.600v9h-11.600zM2.200 4l5.800 5l5.800-5",
  menu: "M2.500 4h11M2.500 8h11M2.500 12h11",
  more: "M3.200 8h.01M8 8h.01M12.800 8h.01",
  overview: "M3.500 13v-4M8 13v-10M12.500 13v-6M2 14h12",
  panel: "M2.500 3h11v10h-11zM6 3v10",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  play: "M4.500 3l8 5l-8 5z",
  plus: "M8 3v10M3 8h10",
  queues: "M2 4h12M2 8h12M2 12h7M12.500 12h1.500",
  restart: "M3 8a5 5 0 1 0 1.700-3.800M4.500 1.800v2.700h2.700",
  retry: "M13 8a5 5 0 1 1-1.700-3.800M11.500 1.800v2.700h-2.700",
  runs: "M2 4h12M2 8h9M2 12h5",
  search: "M6.800 2.500a4.300 4.300 0 1 0 .01 0M10 10l3.800 3.800",
  step: "M2 4h4v4h4v4h4",
  stop: "M4 4h8v8h-8z",
  theme: "M8 2.200a5.800 5.800 0 1 0 .01 0",
  undo: "M5.500 3l-3 3l3 3M2.500 6h7.500a3.500 3.500 0 0 1 0 7h-3",
  user: "M8 2.500a2.700 2.700 0 1 0 .01 0M3 13.500a5 5 0 0 1 10 0",
  warning: "M8 2.500l6 11h-12zM8 6.500v3.500M8 11.800v.2",
  workflow: "M2.200 2.500h4.300v4.300h-4.300zM9.500 9.200h4.300v4.300h-4.300zM4.300 6.800v4.500h5.200M6.500 4.600h5.200v4.600",
};
const WEIGHTS = /** @type {Record<string, number>} */ ({more: 2.2, pause: 1.8});

/**
 * A sign of the interface. Beside a word it is hidden from assistive technology; alone it needs a label.
 * @param {string} name @param {{label?: string, size?: number}} [options]
 */
export function icon(name, {label, size = 16} = {}) {
  const told = label ? {role: "img", "aria-label": label} : {"aria-hidden": "true"};
  const drawn = svg("svg", {class: `icon icon-${name}`, width: size, height: size, viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": WEIGHTS[name] ?? 1.4, "stroke-linecap": "round", "stroke-linejoin": "round", focusable: "false", ...told},
    svg("path", {d: PATHS[name] ?? PATHS.info}));
  if (name === "theme") drawn.append(svg("path", {d: "M8 2.200a5.800 5.800 0 0 1 0 11.600z", fill: "currentColor", stroke: "none"}));
  return drawn;
}

/** A state as a badge, for headers. @param {string} status @param {string} [label] */
export const stateBadge = (status, label) => h("span", {class: `badge bd-${status}`}, stateIcon(status, 16), h("span", {}, label ?? stateName(status)));

/** A state in a line: its sign and its word. @param {string} status @param {string} [label] */
export const stateLine = (status, label) => h("span", {class: "state"}, stateIcon(status, 16), h("span", {class: "state-word"}, label ?? stateName(status)));

/** Three pairs of stone blocks that lead down to one block of water. @param {number} [size] */
export function logo(size = 20) {
  /** @type {[number, number][]} */
  const stones = [[1, 3], [4, 7], [7, 11]];
  return svg("svg", {class: "logo", width: size, height: size, viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false"},
    stones.flatMap(([x, y]) => [x, 20 - x - (x === 7 ? 2.400 : 4)].map((left) => svg("rect", {x: left, y, width: x === 7 ? 2.400 : 4, height: 3.200, fill: "currentColor"}))),
    svg("rect", {x: 7.800, y: 15, width: 4.400, height: 3, fill: "var(--water)"}));
}
