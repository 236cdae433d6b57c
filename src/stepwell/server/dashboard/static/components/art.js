// The picture of the empty state: a well with steps down to the water, drawn of blocks.

import {svg} from "../lib/dom.js";

const STEPS = 7;
const WIDE = 27;
const TALL = 270;

export function art() {
  const whole = WIDE * (STEPS * 2) + 64;
  /** @type {SVGElement[]} */
  const parts = [];
  for (let step = 0; step < STEPS; step++) {
    const top = step * 38;
    const shade = 0.1 + step * 0.045;
    for (const x of [step * WIDE, whole - (step + 1) * WIDE]) {
      parts.push(svg("rect", {class: "art-stone", x, y: top, width: WIDE, height: TALL - top, opacity: shade.toFixed(3)}));
      for (let y = top + 8, n = 0; y < TALL - 6; y += 7.6, n++) parts.push(svg("rect", {class: "art-joint", x: x + (x < whole / 2 ? n % 4 : 3 - (n % 4)) * 6.6, y, width: 6.6, height: 1}));
    }
  }
  const left = STEPS * WIDE;
  parts.push(svg("rect", {class: "art-water", x: left, y: TALL - 26, width: 64, height: 26}), svg("rect", {class: "art-wave", x: left + 10, y: TALL - 18, width: 30, height: 1.5}), svg("rect", {class: "art-wave", x: left + 26, y: TALL - 10, width: 28, height: 1.5}), svg("rect", {class: "art-floor", x: 0, y: TALL, width: whole, height: 1}));
  return svg("svg", {class: "art", viewBox: `0 0 ${whole} ${TALL + 1}`, "aria-hidden": "true", focusable: "false"}, parts);
}
