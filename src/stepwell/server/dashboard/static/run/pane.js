// The width of a pane: dragged at its edge or moved by arrow keys, remembered.

import {h} from "../lib/dom.js";
import {recall, remember} from "../lib/store.js";

/**
 * An edge to drag.
 * @param {{label: string, store: string, first: number, least: number, most: number, side: "left"|"right", apply: (width: number) => void}} pane side: where the pane lies from the edge
 * @returns {HTMLElement}
 */
export function edge({label, store, first, least, most, side, apply}) {
  let width = bound(recall(store, first));
  const element = h("div", {class: "edge", role: "separator", tabindex: "0", "aria-orientation": "vertical", "aria-label": label, "aria-valuemin": String(least), "aria-valuemax": String(most)});
  /** @param {number} next */
  function bound(next) {
    return Math.round(Math.max(least, Math.min(most, next)));
  }
  /** @param {number} next */
  const set = (next) => {
    width = bound(next);
    element.setAttribute("aria-valuenow", String(width));
    apply(width);
    remember(store, width);
  };
  const way = side === "left" ? 1 : -1;
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    const from = event.clientX;
    const before = width;
    element.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} move */
    const drag = (move) => set(before + (move.clientX - from) * way);
    const done = () => {
      element.removeEventListener("pointermove", drag);
      element.removeEventListener("lostpointercapture", done);
    };
    element.addEventListener("pointermove", drag);
    element.addEventListener("lostpointercapture", done);
  });
  element.addEventListener("dblclick", () => set(first));
  element.addEventListener("keydown", (event) => {
    const by = {ArrowLeft: -16, ArrowRight: 16}[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    set(width + by * way);
  });
  set(width);
  return element;
}
