// From time to pixels: idle time is folded, the rest is drawn to scale. Pure.

import {duration} from "../lib/format.js";

/** @typedef {{from: number, to: number}} Span */
/** @typedef {{from: number, to: number, x0: number, x1: number, fold: boolean}} Piece */
/**
 * @typedef {object} Scale
 * @property {Piece[]} pieces from left to right, without gaps
 * @property {number} width
 * @property {number} rate pixels in a millisecond, outside the folds
 * @property {(time: number) => number} x
 * @property {(x: number) => number} time
 */

/** Width of a fold, and of the plain margin at each of its sides. */
export const FOLD = 46;
export const MARGIN = 8;
/** Least room between two labels of the axis. */
const GAP = 4;

/**
 * Spans that overlap or touch, as one.
 * @param {Span[]} spans
 * @returns {Span[]}
 */
export function merged(spans) {
  const sorted = spans.filter((span) => span.to >= span.from).sort((a, b) => a.from - b.from);
  /** @type {Span[]} */
  const result = [];
  for (const span of sorted) {
    const last = result[result.length - 1];
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else result.push({from: span.from, to: span.to});
  }
  return result;
}

/**
 * The stretches to fold: longer than 20 times the median active segment, and with no attempt in them.
 * @param {Span[]} busy when attempts ran
 * @param {number} start
 * @param {number} end
 * @param {number} most how many folds there is room for; the longest stay
 * @returns {Span[]}
 */
export function idle(busy, start, end, most = 8) {
  const active = merged(busy);
  if (!active.length) return [];
  const lengths = active.map((span) => span.to - span.from).sort((a, b) => a - b);
  const least = Math.max(1000, 20 * lengths[Math.floor(lengths.length / 2)]);
  /** @type {Span[]} */
  const found = [];
  let before = start;
  for (const span of [...active, {from: end, to: end}]) {
    if (span.from - before > least) found.push({from: before, to: span.from});
    before = Math.max(before, span.to);
  }
  return found.sort((a, b) => (b.to - b.from) - (a.to - a.from)).slice(0, most).sort((a, b) => a.from - b.from);
}

/**
 * The scale of a chart: `start` at 0, `end` at its width (at zoom 1 the given width, folds keep theirs at any zoom).
 * @param {{start: number, end: number, folds: Span[], width: number, fold?: number, zoom?: number}} shape fold: the width of one
 * @returns {Scale}
 */
export function scaleOf({start, end, folds, width, fold: wide = FOLD, zoom = 1}) {
  const last = Math.max(end, start + 1);
  const inside = folds.filter((fold) => fold.from >= start && fold.to <= last);
  const hidden = inside.reduce((sum, fold) => sum + fold.to - fold.from, 0);
  const each = inside.length ? Math.min(wide, (width * 0.6) / inside.length) : wide;
  const rate = (Math.max(20, width - each * inside.length) / Math.max(0.001, last - start - hidden)) * zoom;
  /** @type {Piece[]} */
  const pieces = [];
  let x = 0;
  let time = start;
  /** @param {number} to @param {boolean} fold */
  const add = (to, fold) => {
    const x1 = x + (fold ? each : (to - time) * rate);
    pieces.push({from: time, to, x0: x, x1, fold});
    x = x1;
    time = to;
  };
  for (const fold of inside) {
    if (fold.from > time) add(fold.from, false);
    add(fold.to, true);
  }
  if (last > time || !pieces.length) add(last, false);
  return {pieces, width: x, rate, x: (at) => place(pieces, at, rate), time: (at) => moment(pieces, at, rate)};
}

/** @param {Piece[]} pieces @param {number} time @param {number} rate */
function place(pieces, time, rate) {
  const first = pieces[0];
  if (time <= first.from) return first.x0 - (first.from - time) * rate;
  const piece = pieces[search(pieces, (each) => each.to >= time)];
  if (!piece) {
    const last = pieces[pieces.length - 1];
    return last.x1 + (time - last.to) * rate;
  }
  const share = piece.to > piece.from ? (time - piece.from) / (piece.to - piece.from) : 0;
  return piece.x0 + share * (piece.x1 - piece.x0);
}

/** @param {Piece[]} pieces @param {number} x @param {number} rate */
function moment(pieces, x, rate) {
  const first = pieces[0];
  if (x <= first.x0) return first.from + (x - first.x0) / rate;
  const piece = pieces[search(pieces, (each) => each.x1 >= x)];
  if (!piece) {
    const last = pieces[pieces.length - 1];
    return last.to + (x - last.x1) / rate;
  }
  const share = piece.x1 > piece.x0 ? (x - piece.x0) / (piece.x1 - piece.x0) : 0;
  return piece.from + share * (piece.to - piece.from);
}

/** @template T @param {T[]} list @param {(each: T) => boolean} reached @returns {number} the first that is reached, else the length */
function search(list, reached) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reached(list[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1.5e4, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5,
  36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 12096e5, 2592e6, 7776e6, 31536e6];

/**
 * A round step of the axis, in milliseconds, so that ticks are at least this many pixels apart.
 * @param {number} rate
 * @param {number} apart
 */
export const stepOf = (rate, apart = 78) => STEPS.find((step) => step * rate >= apart) ?? STEPS[STEPS.length - 1];

/** @typedef {{kind: "start"|"tick"|"fold"|"now", x: number, time: number, length: number, line: boolean, left: number, right: number}} Tick */

/**
 * What stands on the axis: the time of day where a stretch begins, the time since then, the length of a fold, and now.
 * Labels that would meet another one are left out, their grid line stays; the length of a fold always stands, if need be beside its middle, as long as the chart has room at all.
 * @param {Scale} scale
 * @param {{left: number, right: number}} view pixels of the scale that are seen
 * @param {number|null} now
 * @returns {Tick[]}
 */
export function ticks(scale, view, now = null) {
  /** @type {Tick[]} */
  const wanted = [];
  const [opening] = scale.pieces;
  if (!opening.fold && seen(opening, view)) wanted.push(startOf(opening, scale));
  if (now !== null) wanted.push(centred("now", scale.x(now), now, 0, 34));
  for (const piece of scale.pieces) {
    if (piece.fold && seen(piece, view)) wanted.push({...centred("fold", (piece.x0 + piece.x1) / 2, piece.from, piece.to - piece.from, foldWidth(piece.to - piece.from)), line: false});
  }
  for (const piece of scale.pieces) {
    if (piece.fold || piece === opening || !seen(piece, view)) continue;
    wanted.push(startOf(piece, scale));
  }
  const step = stepOf(scale.rate);
  for (const piece of scale.pieces) {
    if (piece.fold || !seen(piece, view)) continue;
    const begin = Math.max(1, Math.floor((scale.time(Math.max(view.left, piece.x0)) - piece.from) / step));
    for (let index = begin; index < begin + 400; index++) {
      const x = piece.x0 + index * step * scale.rate;
      if (x > Math.min(piece.x1, view.right) || piece.from + index * step >= piece.to) break;
      wanted.push(centred("tick", x, piece.from + index * step, index * step, 40));
    }
  }
  return placed(wanted, view);
}

/** @param {Tick["kind"]} kind @param {number} x @param {number} time @param {number} length @param {number} width @returns {Tick} */
const centred = (kind, x, time, length, width) => ({kind, x, time, length, line: true, left: x - width / 2, right: x + width / 2});

/** @param {number} length in milliseconds @returns {number} how wide its label is, at most */
const foldWidth = (length) => Math.max(44, 10 + 6.6 * duration(length / 1000).length);

/** @param {Piece} piece @param {Scale} scale @returns {Tick} */
const startOf = (piece, scale) => ({kind: "start", x: piece.x0, time: piece.from, length: 0, line: piece !== scale.pieces[0], left: piece.x0, right: piece.x0 + 58});

/** @param {Piece} piece @param {{left: number, right: number}} view */
const seen = (piece, view) => piece.x1 >= view.left && piece.x0 <= view.right;

/** @param {Tick[]} wanted by importance @param {{left: number, right: number}} view @returns {Tick[]} */
function placed(wanted, view) {
  /** @type {Tick[]} */
  const taken = [];
  for (const tick of wanted) {
    if (tick.right < view.left || tick.left > view.right) continue;
    const met = taken.filter((other) => meets(tick, other));
    if (!met.length) taken.push(tick);
    else if (tick.kind === "tick") taken.push({...tick, left: tick.x, right: tick.x});
    else if (tick.kind === "fold") aside(tick, met, taken);
  }
  return taken;
}

/** @param {Tick} tick @param {Tick} other */
const meets = (tick, other) => other.left !== other.right && tick.right + GAP > other.left && tick.left < other.right + GAP;

/**
 * Puts the length of a fold as near to its middle as there is room; where there is none, the time of day in its way goes.
 * @param {Tick} fold @param {Tick[]} met @param {Tick[]} taken
 */
function aside(fold, met, taken) {
  const moves = met.flatMap((other) => [other.left - GAP - fold.right, other.right + GAP - fold.left]).sort((a, b) => Math.abs(a) - Math.abs(b));
  const moved = moves.filter((by) => Math.abs(by) <= FOLD).map((by) => ({...fold, x: fold.x + by, left: fold.left + by, right: fold.right + by}));
  const free = moved.find((each) => each.left >= 0 && taken.every((other) => !meets(each, other)));
  if (free) return void taken.push(free);
  if (met.some((other) => other.kind !== "start")) return;
  for (const other of met) taken.splice(taken.indexOf(other), 1);
  taken.push(fold);
}

/**
 * The zoom and the left edge that show a stretch of time in a chart of this width.
 * @param {{start: number, end: number, folds: Span[], width: number, fold?: number}} shape
 * @param {number} from
 * @param {number} to
 * @returns {{zoom: number, left: number}}
 */
export function showing(shape, from, to) {
  const fit = scaleOf(shape);
  let zoom = shape.width / Math.max(0.5, fit.x(to) - fit.x(from));
  for (let round = 0; round < 12; round++) {
    const scale = scaleOf({...shape, zoom});
    const over = (scale.x(to) - scale.x(from)) / shape.width;
    if (Math.abs(over - 1) < 0.001) break;
    zoom /= over;
  }
  zoom = bounded(zoom, shape);
  const scale = scaleOf({...shape, zoom});
  return {zoom, left: Math.max(0, Math.min(scale.x(from), scale.width - shape.width))};
}

/** @param {number} zoom @param {{start: number, end: number}} shape a pixel is never less than a tenth of a millisecond */
export const bounded = (zoom, shape) => Math.max(1, Math.min(zoom, Math.max(1, (shape.end - shape.start) / 100), 1e7));

/**
 * Zoom around a place that stays under the pointer.
 * @param {{start: number, end: number, folds: Span[], width: number, fold?: number}} shape
 * @param {{zoom: number, left: number}} view
 * @param {number} at pixels from the chart's left edge
 * @param {number} factor
 * @returns {{zoom: number, left: number}}
 */
export function zoomed(shape, view, at, factor) {
  const time = scaleOf({...shape, zoom: view.zoom}).time(view.left + at);
  const zoom = bounded(view.zoom * factor, shape);
  const scale = scaleOf({...shape, zoom});
  return {zoom, left: Math.max(0, Math.min(scale.x(time) - at, scale.width - shape.width))};
}

/**
 * Where the axis of a living run ends: it grows by a quarter at a time, so that nothing slides.
 * @param {number} start
 * @param {number} before the end until now
 * @param {number} now
 * @param {number} hidden milliseconds in folds
 */
export function horizon(start, before, now, hidden) {
  if (now <= before) return before;
  const shown = Math.max(1000, now - start - hidden);
  return start + hidden + shown * (before > start ? 1.25 : 1.02);
}
