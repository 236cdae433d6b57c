// The drawing of one row of the timeline as SVG, and of what lies behind all rows.

import {lanesOf} from "./shapes.js";
import {svg} from "../lib/dom.js";

/** @typedef {import("./shapes.js").Shape} Shape */
/** @typedef {import("./scale.js").Scale} Scale */
/** @typedef {{scale: Scale, left: number, width: number, middle: number}} Canvas */
/** @typedef {(x: number) => void} Grow moves what ends at the live edge there */

/**
 * The patterns that bars are filled with; once in a page.
 * @returns {SVGElement}
 */
export function patterns() {
  /** @param {string} id @param {number} angle @param {string} kind @param {number} size @param {number} line */
  const hatch = (id, angle, kind, size, line) => svg("pattern", {id, width: size, height: size, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${angle})`},
    svg("rect", {class: kind, width: line, height: size}));
  return svg("svg", {class: "tl-defs", "aria-hidden": "true", width: 0, height: 0},
    svg("defs", {}, hatch("sw-queue", 45, "hatch-queue", 5, 1), hatch("sw-failed", -45, "hatch-failed", 6, 1.5),
      svg("linearGradient", {id: "sw-edge", x1: 0, x2: 1, y1: 0, y2: 0},
        svg("stop", {class: "edge-from", offset: 0}), svg("stop", {class: "edge-to", offset: 1}))));
}

/**
 * Draws the shapes of a row.
 * @param {Shape[]} shapes
 * @param {Canvas} canvas
 * @returns {{elements: SVGElement[], grow: Grow[]}}
 */
export function draw(shapes, canvas) {
  /** @type {SVGElement[]} */
  const elements = [];
  /** @type {Grow[]} */
  const grow = [];
  for (const shape of shapes) {
    const x0 = canvas.scale.x(shape.from) - canvas.left;
    const x1 = Math.max(x0, canvas.scale.x(shape.to) - canvas.left);
    if (!shape.open && (x1 < -30 || x0 > canvas.width + 30)) continue;
    const pen = {x0: Math.max(x0, -30), x1: Math.min(x1, canvas.width + 30), y: canvas.middle, elements, grow, canvas};
    FORMS[shape.form](shape, pen);
  }
  return {elements, grow};
}

/** @typedef {{x0: number, x1: number, y: number, elements: SVGElement[], grow: Grow[], canvas: Canvas}} Pen */

/** @type {Record<Shape["form"], (shape: Shape, pen: Pen) => void>} */
const FORMS = {
  queue: (shape, pen) => bar(pen, {class: "b-queue", fill: "url(#sw-queue)", height: 9, rx: 1.5, open: shape.open, least: 2}),
  attempt,
  backoff: (shape, pen) => line(pen, "b-backoff", shape.open, 3),
  wait,
  sleep: (shape, pen) => {
    line(pen, "b-sleep", shape.open);
    pen.elements.push(post(pen.x0, pen.y, 5, "b-cap"));
    if (!shape.open) pen.elements.push(post(pen.x1, pen.y, 5, shape.status === "cancelled" ? "b-cap b-gone" : "b-cap"));
  },
  scope: (shape, pen) => {
    const y = pen.y - 4;
    const path = svg("path", {class: "b-scope"});
    /** @param {number} x */
    const shapeTo = (x) => path.setAttribute("d", `M${pen.x0 + 0.5} ${y + 7}V${y}H${Math.max(x, pen.x0 + 3)}${shape.open ? "" : "v7"}`);
    shapeTo(pen.x1);
    pen.elements.push(path);
    if (shape.open) pen.grow.push(shapeTo);
  },
  undo: (shape, pen) => {
    const width = Math.max(9, pen.x1 - pen.x0);
    pen.elements.push(svg("rect", {class: `b-undo s-${shape.status}`, x: pen.x0 + 0.75, y: pen.y - 6.25, width: width - 1.5, height: 12.5, rx: 1.5}));
    const x = pen.x0 + Math.min(width / 2, 12);
    pen.elements.push(svg("path", {class: "b-undo-mark", d: `M${x + 1.5} ${pen.y - 3}l-3 3l3 3`}));
  },
  held: (shape, pen) => bar(pen, {class: "b-held", height: 8, open: shape.open}),
  away: (shape, pen) => line(pen, "b-away", shape.open),
  items,
};

/** @param {Pen} pen @param {{class: string, height: number, open?: boolean, rx?: number, fill?: string, least?: number}} look @returns {SVGElement} */
function bar(pen, look) {
  const least = look.least ?? 3;
  const width = Math.max(least, pen.x1 - pen.x0);
  const rect = svg("rect", {class: look.class, x: pen.x0, y: pen.y - look.height / 2, width, height: look.height, ...(look.rx ? {rx: look.rx} : {}), ...(look.fill ? {fill: look.fill} : {})});
  pen.elements.push(rect);
  if (look.open) pen.grow.push((x) => rect.setAttribute("width", String(Math.max(least, x - pen.x0))));
  return rect;
}

/** @param {Pen} pen @param {string} kind @param {boolean} [open] @param {number} [inset] @returns {SVGElement} */
function line(pen, kind, open, inset = 0) {
  const element = svg("line", {class: kind, x1: pen.x0 + inset, x2: Math.max(pen.x0 + inset, pen.x1 - inset), y1: pen.y, y2: pen.y});
  pen.elements.push(element);
  if (open) pen.grow.push((x) => element.setAttribute("x2", String(x)));
  return element;
}

/** @param {number} x @param {number} y @param {number} half @param {string} kind */
const post = (x, y, half, kind) => svg("line", {class: kind, x1: x, x2: x, y1: y - half, y2: y + half});

/** @param {Shape} shape @param {Pen} pen */
function attempt(shape, pen) {
  const status = shape.status ?? "succeeded";
  if (status === "unknown") unknown(pen);
  else bar(pen, {class: `b-attempt s-${status}`, height: 14, rx: 1.5, open: shape.open});
  const width = Math.max(3, pen.x1 - pen.x0);
  if (status === "failed") {
    pen.elements.push(svg("rect", {class: "b-hatch", fill: "url(#sw-failed)", x: pen.x0, y: pen.y - 7, width, height: 14, rx: 1.5}));
    pen.elements.push(post(pen.x0 + width, pen.y, 10, "b-post"));
  }
  if (shape.n !== undefined && width >= 16) pen.elements.push(number(shape.n, status, pen));
  if (status === "unknown" && width >= 26) pen.elements.push(svg("text", {class: "b-ask", x: pen.x1 - 9, y: pen.y + 4}, "?"));
  if (shape.child) {
    const under = svg("line", {class: `b-under s-${status}`, x1: pen.x0 + 3, x2: Math.max(pen.x0 + 3, pen.x1 - 3), y1: pen.y + 9.5, y2: pen.y + 9.5});
    pen.elements.push(under);
    if (shape.open) pen.grow.push((x) => under.setAttribute("x2", String(x)));
  }
}

/** @param {number} n @param {string} status @param {Pen} pen */
function number(n, status, pen) {
  const text = svg("text", {class: status === "unknown" ? "b-n b-n-open" : "b-n", x: Math.max(pen.x0, 0) + 5, y: pen.y + 4}, String(n));
  if (status !== "failed") return text;
  const wide = 7 + String(n).length * 6;
  return svg("g", {}, svg("rect", {class: "b-attempt s-failed", x: Math.max(pen.x0, 0) + 2, y: pen.y - 7, width: Math.min(wide, Math.max(3, pen.x1 - pen.x0 - 2)), height: 14}), text);
}

/** @param {Pen} pen */
function unknown(pen) {
  const x1 = Math.max(pen.x0 + 4, pen.x1) - 0.75;
  pen.elements.push(svg("path", {class: "b-unknown", d: `M${x1} ${pen.y - 6.25}H${pen.x0 + 0.75}V${pen.y + 6.25}H${x1}`}));
  pen.elements.push(svg("line", {class: "b-unknown b-dashed", x1, x2: x1, y1: pen.y - 6.25, y2: pen.y + 6.25}));
}

/** @param {Shape} shape @param {Pen} pen */
function wait(shape, pen) {
  line(pen, "b-wait", shape.open);
  pen.elements.push(svg("circle", {class: "b-ring", cx: pen.x0, cy: pen.y, r: 3.5}));
  if (shape.end === "event") pen.elements.push(svg("path", {class: "b-diamond", d: `M${pen.x1} ${pen.y - 6}l6 6l-6 6l-6 -6z`}));
  if (shape.end === "over") pen.elements.push(post(pen.x1, pen.y, 8, "b-wait"));
  if (shape.end === "left") pen.elements.push(post(pen.x1, pen.y, 4, "b-wait b-gone"));
}

/** @param {Shape} shape @param {Pen} pen */
function items(shape, pen) {
  const list = shape.items ?? [];
  const lanes = lanesOf(list);
  /** @type {Map<string, Map<string, number>>} */
  const kinds = new Map();
  list.forEach((item, index) => {
    const x0 = pen.canvas.scale.x(item.from) - pen.canvas.left;
    const x1 = Math.max(x0 + 1.5, pen.canvas.scale.x(item.to) - pen.canvas.left);
    if (x1 < 0 || x0 > pen.canvas.width) return;
    const marks = kinds.get(item.status) ?? new Map();
    kinds.set(item.status, marks);
    const key = `${Math.round(Math.max(x0, -2))} ${lanes[index]}`;
    marks.set(key, Math.max(marks.get(key) ?? 0, Math.min(x1, pen.canvas.width + 2)));
  });
  for (const status of [...kinds.keys()].sort((a, b) => Number(a === "failed") - Number(b === "failed"))) {
    const path = [.../** @type {Map<string, number>} */ (kinds.get(status))].map(([key, to]) => {
      const [x, lane] = key.split(" ").map(Number);
      return `M${x} ${pen.y - 9 + lane * 5}h${Math.max(1.5, to - x - 0.5).toFixed(1)}v3.5H${x}z`;
    }).join("");
    pen.elements.push(svg("path", {class: `b-item s-${status}`, d: path}));
  }
}

/** How far a stair of a fold's edge goes in, and how high it is. */
const STAIR = {deep: 4, high: 7};

/**
 * The edge of a fold: square stairs, in and out along its height.
 * @param {number} x
 * @param {number} height
 */
export function stairs(x, height) {
  let path = `M${x} 0`;
  for (let y = STAIR.high, into = true; y < height; y += STAIR.high, into = !into) path += `V${y}H${into ? x + STAIR.deep : x}`;
  return `${path}V${height}`;
}
