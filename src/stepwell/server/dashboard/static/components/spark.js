// Small pictures in lines of tables: stepped sparklines, bars of slots, bars of durations.

import {h, svg} from "../lib/dom.js";
import {duration} from "../lib/format.js";

const UNIT = 100;

/**
 * A stepped line of counts; a gap (null) is a gap.
 * @param {(number|null)[]} counts @param {{width?: number, height?: number, kind?: string, label: string}} options
 */
export function sparkline(counts, {width = 56, height = 18, kind = "", label}) {
  const top = Math.max(1, ...counts.map((n) => n ?? 0));
  const step = width / Math.max(1, counts.length);
  const y = (/** @type {number} */ n) => height - 1 - (n / top) * (height - 3);
  let lines = "";
  let areas = "";
  counts.forEach((n, index) => {
    if (n === null) return;
    const x = index * step;
    const open = index === 0 || counts[index - 1] === null;
    lines += `${open ? `M${x.toFixed(1)} ${y(n).toFixed(1)}` : `V${y(n).toFixed(1)}`}H${(x + step).toFixed(1)}`;
    if (n > 0) areas += `M${x.toFixed(1)} ${height}V${y(n).toFixed(1)}h${step.toFixed(2)}V${height}z`;
  });
  return svg("svg", {class: `spark ${kind}`.trim(), width, height, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label}, svg("path", {class: "spark-area", d: areas}), svg("path", {class: "spark-line", d: lines}));
}

/** A bar of how much of something is in use; amber when it is full. @param {number} used @param {number} of @param {string} label */
export function usage(used, of, label) {
  const share = of > 0 ? Math.min(1, used / of) : 0;
  return h("span", {class: `usage${share >= 1 ? " full" : ""}`, role: "img", "aria-label": label}, h("span", {class: "usage-fill", style: {width: `${(share * UNIT).toFixed(1)}%`}}));
}

/** One cell per slot, at most 64 in two rows; more are drawn as a bar. @param {number} used @param {number} of */
export function slots(used, of) {
  if (of > 64 || of < 1) return usage(used, of, `${used} of ${of} slots in use`);
  return h("span", {class: `slots${of <= 8 ? " few" : ""}`, role: "img", "aria-label": `${used} of ${of} slots in use`, style: {"--cells": String(of <= 32 ? of : Math.ceil(of / 2))}}, Array.from({length: of}, (_, index) => h("i", {class: index < used ? "on" : null})));
}

/**
 * @typedef {object} Span of a run, in seconds
 * @property {number} queued before a worker had it
 * @property {number} rest after that
 */

/**
 * How long a run took beside the others of its page: thin while nobody had it, thick after. Log scale.
 * @param {{span: Span, status: string, longest: number}} given
 */
export function durationBar({span, status, longest}) {
  const width = 92;
  const scale = (/** @type {number} */ s) => (width * Math.log1p(s * 4)) / Math.log1p(Math.max(longest, 1) * 4);
  const whole = Math.max(3, scale(span.queued + span.rest));
  const thin = status === "queued" || status === "waiting" ? whole : Math.min(whole - 3, scale(span.queued));
  const live = status === "running";
  return svg("svg", {class: `dbar db-${status}`, width: 96, height: 14, viewBox: "0 0 96 14", "aria-hidden": "true"},
    svg("title", {}, `${duration(span.queued)} in the queue, then ${duration(span.rest)}`),
    thin > 0 ? svg("rect", {class: "db-thin", x: 0, y: 6.250, width: thin, height: 1.500}) : null,
    status === "waiting" ? svg("rect", {class: "db-tick", x: 0, y: 3, width: 2, height: 8}) : null,
    whole > thin ? svg("rect", {class: "db-thick", x: Math.max(0, thin), y: 4, width: whole - Math.max(0, thin), height: 6, rx: 1}) : null,
    live ? svg("rect", {class: "db-live", x: whole, y: 1.500, width: 2, height: 11}) : null);
}
