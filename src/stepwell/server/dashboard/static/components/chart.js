// Charts over time: stepped lines, because a bucket is one value. The numbers under the pointer stand in the panel's head.

import {each, h, say, signal, svg, effect} from "../lib/dom.js";
import {date, shortTime} from "../lib/format.js";

/** @typedef {{at: number, until: number, values: (number|null)[]}} Bucket */
/** @typedef {{name: string, kind: string}} Series `kind`: a class; "fill" and "foot" have an area */

const HEIGHT = 168;
const TOP = 8;
const BOTTOM = 24;
const LEFT = 44;
const RIGHT = 74;
const BESIDE = 8;
const MARGIN = 16;
const NICE = [1, 2, 3, 4, 5, 6, 8, 10];
const GAP = 13;

/** What the charts of a page share: the moment under the pointer. */
export const crosshair = () => signal(/** @type {number|null} */ (null));

/** At most four ticks from 0. @param {number} most @param {boolean} whole */
export function ticks(most, whole) {
  const rough = Math.max(most / 3, whole ? 1 : 1e-3);
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = (NICE.find((n) => n * size >= rough * 0.9999) ?? 10) * size;
  const top = Math.max(1, Math.ceil((most / step) * 0.9999));
  return Array.from({length: top + 1}, (_, n) => n * step);
}

/**
 * @param {{label: string, series: Series[], whole?: boolean, format: (n: number) => string, ends?: (n: number) => string, at: {value: number|null}, onPick?: (bucket: Bucket) => void}} given
 */
export function chart({label, series, whole = false, format, ends, at, onPick}) {
  /** @type {Bucket[]} */
  let buckets = [];
  let since = 0;
  let until = 1;
  let width = 600;
  // Room for the labels at both sides: as wide as the widest yet, so that nothing moves when one gets shorter.
  let left = LEFT;
  let right = RIGHT;
  const grid = svg("g", {class: "chart-grid"});
  const shapes = series.map((each) => ({area: svg("path", {class: `chart-area ${each.kind}`}), line: svg("path", {class: `chart-line ${each.kind}`})}));
  const labels = svg("g", {class: "chart-ends"});
  const ruler = svg("text", {class: "chart-ruler"});
  const hair = svg("line", {class: "chart-hair", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden"});
  const drawing = svg("svg", {class: "chart-svg", height: HEIGHT, "aria-hidden": "true"}, grid, shapes.map((shape) => [shape.area, shape.line]), hair, labels, ruler);
  const body = h("tbody", {});
  const table = h("table", {class: "visually-hidden"}, h("caption", {}, label), h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Time"), series.map((one) => h("th", {scope: "col"}, one.name)))), body);
  const element = h("div", {class: "chart", onpointermove: over, onpointerleave: () => { at.value = null; }, onclick: pick}, drawing, table);
  const time = h("strong", {});
  const values = series.map(() => h("strong", {}));
  const reading = h("p", {class: "chart-read", "aria-hidden": "true"}, time, series.map((one, index) => h("span", {class: `read-${one.kind}`}, `${one.name} `, values[index])));

  const x = (/** @type {number} */ moment) => left + ((Math.min(Math.max(moment, since), until) - since) / (until - since)) * (width - left - right);
  /** @type {(n: number) => number} */
  let y = () => 0;

  function draw() {
    const most = Math.max(0, ...buckets.flatMap((bucket) => bucket.values.map((n) => n ?? 0)));
    const marks = ticks(most || 1, whole);
    const top = marks[marks.length - 1];
    y = (n) => HEIGHT - BOTTOM - (n / top) * (HEIGHT - TOP - BOTTOM);
    left = Math.max(left, ...marks.map((n) => wide(format(n)) + BESIDE + MARGIN));
    right = Math.max(right, ...series.map((one, index) => wide(ending(one, last(index))) + BESIDE + MARGIN));
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    drawing.setAttribute("width", String(width));
    grid.replaceChildren(...marks.map((n) => svg("g", {}, svg("line", {x1: left, x2: width - right, y1: y(n) + 0.5, y2: y(n) + 0.5}), svg("text", {x: left - BESIDE, y: y(n) + 4, "text-anchor": "end"}, format(n)))), ...times());
    series.forEach((one, index) => {
      const {line, area} = steps(index, one.kind === "fill" || one.kind === "foot");
      shapes[index].line.setAttribute("d", line);
      shapes[index].area.setAttribute("d", area);
    });
    labels.replaceChildren(...endings());
    each(body, buckets, (bucket) => String(bucket.at), (bucket) => fill(h("tr", {}, h("th", {scope: "row"}), series.map(() => h("td", {}))), bucket), fill);
    read(at.value);
  }

  /** @param {Element} row @param {Bucket} bucket */
  function fill(row, bucket) {
    say(row.children[0], shortTime(bucket.at));
    bucket.values.forEach((n, index) => say(row.children[index + 1], n === null ? "none" : format(n)));
    return row;
  }

  /** @param {number} index @param {boolean} filled */
  function steps(index, filled) {
    let line = "";
    let area = "";
    let open = false;
    const floor = y(0);
    for (const bucket of buckets) {
      const n = bucket.values[index];
      if (n === null) {
        open = false;
        continue;
      }
      const from = x(bucket.at).toFixed(1);
      const to = x(bucket.until).toFixed(1);
      line += `${open ? "V" : `M${from} `}${y(n).toFixed(1)}H${to}`;
      if (filled && n > 0) area += `M${from} ${floor}V${y(n).toFixed(1)}H${to}V${floor}z`;
      open = true;
    }
    return {line, area};
  }

  function times() {
    const days = until - since > 2 * 86_400_000;
    const count = width < 420 ? 3 : 5;
    return Array.from({length: count}, (_, n) => {
      const moment = since + ((until - since) * n) / (count - 1);
      return svg("text", {x: x(moment), y: HEIGHT - 6, "text-anchor": n === 0 ? "start" : n === count - 1 ? "end" : "middle"}, days ? date(moment).slice(5) : shortTime(moment));
    });
  }

  /** How wide a text of the drawing is. @param {string} text */
  function wide(text) {
    say(ruler, text);
    return Math.ceil(ruler.getComputedTextLength());
  }

  /** The newest value of a line. @param {number} index */
  const last = (index) => buckets.findLast((bucket) => bucket.values[index] !== null)?.values[index] ?? null;

  /** @param {Series} one @param {number|null} n */
  const ending = (one, n) => (ends && n !== null ? `${one.name} ${ends(n)}` : one.name);

  /** Labels at the ends of the lines, moved apart where they would touch. */
  function endings() {
    const found = series.flatMap((one, index) => {
      const n = last(index);
      return n === null ? [] : [{one, n, y: y(n) + 4}];
    }).sort((a, b) => a.y - b.y);
    for (let index = 1; index < found.length; index++) found[index].y = Math.max(found[index].y, found[index - 1].y + GAP);
    for (let index = found.length - 1, floor = HEIGHT - BOTTOM + 4; index >= 0; index--, floor = found[index + 1].y - GAP) found[index].y = Math.min(found[index].y, floor);
    return found.map(({one, n, y: at}) => svg("text", {class: `end-${one.kind}`, x: width - right + BESIDE, y: at}, ending(one, n)));
  }

  /** @param {PointerEvent|MouseEvent} event */
  function under(event) {
    const place = event.clientX - drawing.getBoundingClientRect().left;
    if (place < left - BESIDE || place > width - right + BESIDE) return null;
    return since + ((place - left) / (width - left - right)) * (until - since);
  }

  /** @param {PointerEvent} event */
  function over(event) {
    at.value = under(event);
  }

  /** @param {MouseEvent} event */
  function pick(event) {
    const moment = under(event);
    const found = moment === null ? null : bucketAt(moment);
    if (found) onPick?.(found);
  }

  const bucketAt = (/** @type {number} */ moment) => buckets.find((bucket) => moment >= bucket.at && moment < bucket.until) ?? null;

  /** @param {number|null} moment */
  function read(moment) {
    const found = moment === null ? null : bucketAt(moment);
    reading.classList.toggle("is-empty", !found);
    hair.setAttribute("visibility", found ? "visible" : "hidden");
    if (!found || moment === null) return;
    const place = String(x((found.at + found.until) / 2));
    hair.setAttribute("x1", place);
    hair.setAttribute("x2", place);
    say(time, shortTime(found.at));
    found.values.forEach((n, index) => say(values[index], n === null ? "–" : format(n)));
  }

  const sizes = new ResizeObserver(([entry]) => {
    const next = Math.max(240, Math.round(entry.contentRect.width));
    if (next !== width) {
      width = next;
      draw();
    }
  });
  sizes.observe(element);
  const stop = effect(() => read(at.value));

  return {
    element, reading,
    /** @param {Bucket[]} next @param {number} from @param {number} to */
    set(next, from, to) {
      buckets = next;
      since = from;
      until = Math.max(to, from + 1);
      draw();
    },
    stop() {
      sizes.disconnect();
      stop();
    },
  };
}
