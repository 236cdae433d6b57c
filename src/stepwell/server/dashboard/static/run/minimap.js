// The whole run in a strip, with a window on what the chart shows: drag it to pan, its handles to zoom.

import {overview} from "./shapes.js";
import {h, svg} from "../lib/dom.js";

/** @typedef {import("./scale.js").Scale} Scale */
/** @typedef {import("./layout.js").Node} Node */

const HEIGHT = 30;
const HANDLE = 9;

/**
 * @param {(from: number, to: number) => void} show asks for this stretch of time to be shown
 * @returns {{element: HTMLElement, draw: (rows: Node[], fit: Scale, now: number) => void, frame: (from: number, to: number) => void}}
 */
export function minimap(show) {
  const traces = svg("g");
  const pane = svg("rect", {class: "mm-window", y: 0.75, height: HEIGHT - 1.5, rx: 3});
  const left = svg("rect", {class: "mm-handle", y: 9, width: 3, height: 12});
  const right = svg("rect", {class: "mm-handle", y: 9, width: 3, height: 12});
  const drawing = svg("svg", {class: "mm", height: HEIGHT, "aria-hidden": "true"}, traces, pane, left, right);
  const element = h("div", {class: "tl-mini"}, drawing);
  /** @type {Scale|null} */
  let scale = null;
  let seen = {x0: 0, x1: 0};

  /** @param {number} x0 @param {number} x1 */
  const place = (x0, x1) => {
    seen = {x0, x1};
    pane.setAttribute("x", String(x0 + 0.75));
    pane.setAttribute("width", String(Math.max(4, x1 - x0 - 1.5)));
    left.setAttribute("x", String(x0));
    right.setAttribute("x", String(x1 - 3));
  };

  element.addEventListener("pointerdown", (event) => {
    if (!scale || event.button) return;
    event.preventDefault();
    const fit = scale;
    const origin = element.getBoundingClientRect().left;
    const at = event.clientX - origin;
    const before = {...seen};
    const grip = Math.abs(at - before.x0) <= HANDLE ? "left" : Math.abs(at - before.x1) <= HANDLE ? "right" : at > before.x0 && at < before.x1 ? "pane" : "jump";
    if (grip === "jump") {
      const half = (before.x1 - before.x0) / 2;
      Object.assign(before, {x0: at - half, x1: at + half});
    }
    element.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} move */
    const drag = (move) => {
      const moved = move.clientX - origin - at;
      const span = before.x1 - before.x0;
      let x0 = before.x0 + (grip === "right" ? 0 : moved);
      let x1 = before.x1 + (grip === "left" ? 0 : moved);
      if (grip === "pane" || grip === "jump") {
        x0 = Math.max(0, Math.min(x0, fit.width - span));
        x1 = x0 + span;
      }
      x0 = Math.max(0, Math.min(x0, x1 - 4));
      x1 = Math.min(fit.width, Math.max(x1, x0 + 4));
      show(fit.time(x0), fit.time(x1));
    };
    if (grip === "jump") drag(event);
    const done = () => {
      element.removeEventListener("pointermove", drag);
      element.removeEventListener("pointerup", done);
      element.removeEventListener("pointercancel", done);
    };
    element.addEventListener("pointermove", drag);
    element.addEventListener("pointerup", done);
    element.addEventListener("pointercancel", done);
  });

  return {
    element,
    draw(rows, fit, now) {
      scale = fit;
      traces.replaceChildren(...[...overview(rows, fit, HEIGHT - 10, now)].map(([trace, path]) => svg("path", {class: `mm-${trace}`, d: path, transform: "translate(0 5)"})));
    },
    frame(from, to) {
      if (scale) place(Math.max(0, scale.x(from)), Math.min(scale.width, scale.x(to)));
    },
  };
}
