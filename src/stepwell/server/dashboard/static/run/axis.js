// The axis over the bars, and what lies behind all of them: grid, folds, the live edge.

import {stairs} from "./draw.js";
import {MARGIN, ticks} from "./scale.js";
import {h, svg} from "../lib/dom.js";
import {clockTime, duration} from "../lib/format.js";

/** @typedef {import("./scale.js").Scale} Scale */
/** @typedef {import("./scale.js").Tick} Tick */
/** @typedef {{scale: Scale, left: number, width: number, pad: number, now: number|null}} Frame */

/**
 * The labels of the axis; a click on a fold opens it.
 * @param {(from: number) => void} unfold
 * @returns {{element: HTMLElement, show: (frame: Frame) => void, edge: (x: number) => void}}
 */
export function axis(unfold) {
  const element = h("div", {class: "tl-axis"});
  /** @type {Map<string, HTMLElement>} */
  let labels = new Map();
  /** @type {HTMLElement|null} */
  let tag = null;
  /** @param {Tick} tick @param {string} key */
  const label = (tick, key) => {
    const there = labels.get(key);
    if (there) return there;
    if (tick.kind !== "fold") return h("span", {class: `tl-tick tl-tick-${tick.kind}`, "aria-hidden": "true"});
    return h("button", {type: "button", class: "tl-tick tl-tick-fold", onclick: () => unfold(tick.time)});
  };
  return {
    element,
    show(frame) {
      /** @type {Map<string, HTMLElement>} */
      const shown = new Map();
      tag = null;
      for (const tick of ticks(frame.scale, {left: frame.left, right: frame.left + frame.width}, frame.now)) {
        if (tick.left === tick.right) continue;
        const key = tick.kind === "now" ? "now" : `${tick.kind} ${tick.time}`;
        const part = label(tick, key);
        const text = labelText(tick);
        if (part.textContent !== text) part.textContent = text;
        if (tick.kind === "fold") {
          part.title = `${text} without work, folded. Click to unfold.`;
          part.setAttribute("aria-label", `Unfold ${text} without work`);
        }
        part.style.transform = `translateX(${Math.round(tick.x - frame.left + frame.pad)}px)${tick.kind === "fold" ? " translateX(-50%)" : ""}`;
        if (tick.kind === "now") tag = part;
        shown.set(key, part);
        if (!part.isConnected) element.append(part);
      }
      for (const [key, part] of labels) if (!shown.has(key)) part.remove();
      labels = shown;
    },
    edge(x) {
      if (tag) tag.style.transform = `translateX(${Math.round(x)}px)`;
    },
  };
}

/** @param {Tick} tick */
function labelText(tick) {
  if (tick.kind === "now") return "now";
  if (tick.kind === "fold") return duration(tick.length / 1000);
  return tick.kind === "start" ? clockTime(tick.time) : `+${duration(tick.length / 1000)}`;
}

/**
 * The drawing behind the rows.
 * @returns {{element: SVGElement, show: (frame: Frame, height: number) => void, edge: (x: number) => void}}
 */
export function backdrop() {
  const grid = svg("g");
  const folds = svg("g");
  const glow = svg("rect", {class: "tl-glow", fill: "url(#sw-edge)", y: 0, width: 46});
  const edge = svg("line", {class: "tl-edge", y1: 0});
  const element = svg("svg", {class: "tl-back", "aria-hidden": "true"}, glow, grid, folds, edge);
  return {
    element,
    show(frame, height) {
      element.setAttribute("height", String(height));
      // It takes no room: the rows lie over it, and it stays in sight while they scroll.
      element.style.marginBottom = `${-height}px`;
      const lines = ticks(frame.scale, {left: frame.left, right: frame.left + frame.width}, null)
        .filter((tick) => tick.line && (tick.kind === "tick" || tick.kind === "start"))
        .map((tick) => svg("line", {class: "tl-line", x1: Math.round(tick.x - frame.left + frame.pad) + 0.5, x2: Math.round(tick.x - frame.left + frame.pad) + 0.5, y1: 0, y2: height}));
      grid.replaceChildren(...lines);
      folds.replaceChildren(...frame.scale.pieces.filter((piece) => piece.fold && piece.x1 >= frame.left && piece.x0 <= frame.left + frame.width)
        .map((piece) => fold(piece.x0 - frame.left + frame.pad, piece.x1 - frame.left + frame.pad, height)));
      const isLive = frame.now !== null;
      edge.style.display = glow.style.display = isLive ? "" : "none";
      edge.setAttribute("y2", String(height));
      glow.setAttribute("height", String(height));
    },
    edge(x) {
      edge.setAttribute("x1", String(x));
      edge.setAttribute("x2", String(x));
      glow.setAttribute("x", String(x - 46));
    },
  };
}

/** @param {number} x0 @param {number} x1 @param {number} height @returns {SVGElement} */
function fold(x0, x1, height) {
  const margin = Math.min(MARGIN, (x1 - x0) / 4);
  const left = Math.round(x0 + margin);
  const right = Math.round(x1 - margin);
  return svg("g", {class: "tl-fold"},
    svg("rect", {class: "tl-fold-body", x: left, y: 0, width: Math.max(1, right - left), height}),
    svg("path", {class: "tl-stairs", d: stairs(left + 0.5, height)}),
    svg("path", {class: "tl-stairs", d: stairs(right - 3.5, height)}));
}
