// The signs of the states: each has an outline of its own; only failed and parked are solid, because they ask for a person.

import {svg} from "../lib/dom.js";

/** The states of a run, in the order of the overview. */
export const STATES = ["queued", "running", "waiting", "paused", "parked", "succeeded", "failed", "cancelled", "terminated"];
export const ENDED = new Set(["succeeded", "failed", "cancelled", "terminated"]);

/** What each means, in a few words. @type {Record<string, string>} */
export const MEANINGS = {
  queued: "ready, no slot yet", running: "a worker holds it", waiting: "for time, event, child", succeeded: "final", failed: "final, look",
  paused: "by an operator", parked: "needs a person", cancelled: "final, undone", terminated: "final, no undo",
};

/** @param {string} status */
export const stateName = (status) => status.charAt(0).toUpperCase() + status.slice(1);

const OCTAGON = "M5.400 1.700h5.200l3.700 3.700v5.200l-3.700 3.700h-5.200l-3.700-3.700v-5.200z";

/** @param {Record<string, any>} [more] */
const ring = (more) => svg("circle", {cx: 8, cy: 8, r: 6, ...more});
/** @param {string} d @param {Record<string, any>} [more] */
const line = (d, more) => svg("path", {d, ...more});
const inverse = {stroke: "var(--surface)", "stroke-width": 1.7};

/** @type {Record<string, () => SVGElement[]>} */
const DRAWINGS = {
  queued: () => [ring({"stroke-dasharray": "1.9 1.870"})],
  running: () => [ring({opacity: 0.3, "stroke-width": 1.800}), svg("g", {class: "turning"}, line("M8 2a6 6 0 0 1 6 6", {"stroke-width": 1.800})), svg("circle", {cx: 8, cy: 8, r: 1.900, fill: "currentColor", stroke: "none"})],
  waiting: () => [ring(), line("M8 4.800v3.400l2.200 1.300")],
  succeeded: () => [ring(), line("M5.400 8.200l1.800 1.800l3.400-3.700")],
  failed: () => [line(OCTAGON, {fill: "currentColor", stroke: "none"}), line("M5.900 5.900l4.200 4.200M10.100 5.900l-4.200 4.200", inverse)],
  paused: () => [ring(), line("M6.600 5.800v4.400M9.400 5.800v4.400")],
  parked: () => [line("M8 .7l7.300 7.300l-7.300 7.300l-7.300-7.300z", {fill: "currentColor", stroke: "none"}), line("M8 4.700v4", inverse), line("M8 11v.1", {...inverse, "stroke-width": 1.900})],
  cancelled: () => [ring(), line("M4.200 11.800l7.600-7.600")],
  terminated: () => [line("M2.500 2.500h11v11h-11z"), svg("rect", {x: 5.500, y: 5.500, width: 5, height: 5, fill: "currentColor", stroke: "none"})],
  unknown: () => [ring({"stroke-dasharray": "1.9 1.870"}), line("M6.400 6.400a1.700 1.700 0 1 1 2.500 1.500c-.6.3-.9.6-.9 1.200M8 11v.1")],
};

/**
 * The sign of a state. It is hidden from assistive technology unless it stands alone, with a label.
 * @param {string} status @param {number} [size] @param {{label?: string}} [options]
 */
export function stateIcon(status, size = 16, {label} = {}) {
  const draw = DRAWINGS[status] ?? DRAWINGS.unknown;
  const told = label ? {role: "img", "aria-label": label} : {"aria-hidden": "true"};
  return svg("svg", {class: `state-icon st-${DRAWINGS[status] ? status : "unknown"}`, width: size, height: size, viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": 1.500, "stroke-linecap": "round", "stroke-linejoin": "round", focusable: "false", ...told}, draw());
}
