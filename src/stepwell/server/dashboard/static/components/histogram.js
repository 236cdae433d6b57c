// How many runs were created when, failed ones at the foot. Drag chooses a range, a click one bucket.

import {h, svg} from "../lib/dom.js";
import {count, date, shortTime, stamp} from "../lib/format.js";
import {serverNow} from "../lib/servertime.js";

const HEIGHT = 40;
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const SLIGHT = 4;

/** @param {{onRange: (since: number, until: number) => void}} given milliseconds */
export function histogram({onRange}) {
  /** @type {{at: number, total: number, failed: number}[]} */
  let buckets = [];
  let step = 1;
  let until = 0;
  /** @type {{from: number, to: number}|null} */
  let drag = null;
  const bars = svg("g", {});
  const band = svg("rect", {class: "hist-band", y: 0, height: HEIGHT, visibility: "hidden"});
  const drawing = svg("svg", {class: "hist-svg", height: HEIGHT, preserveAspectRatio: "none", role: "img"}, bars, band);
  const axis = h("div", {class: "hist-axis", "aria-hidden": "true"});
  const element = h("div", {class: "hist", hidden: true, onpointerdown: down, onpointermove: move, onpointerup: up, onpointercancel: () => { drag = null; shade(); }}, drawing, axis);

  function draw() {
    const top = Math.max(1, ...buckets.map((bucket) => bucket.total));
    drawing.setAttribute("viewBox", `0 0 ${buckets.length * 10} ${HEIGHT}`);
    const total = buckets.reduce((sum, bucket) => sum + bucket.total, 0);
    const failed = buckets.reduce((sum, bucket) => sum + bucket.failed, 0);
    drawing.setAttribute("aria-label", `${count(total, "run")} by time, ${failed} failed`);
    const tall = (/** @type {number} */ n) => (n ? Math.max(2, (n / top) * (HEIGHT - 2)) : 0);
    bars.replaceChildren(...buckets.map((bucket, index) => svg("g", {class: "hist-bar"}, svg("title", {}, `${label(bucket.at, true)}: ${count(bucket.total, "run")}${bucket.failed ? `, ${bucket.failed} failed` : ""}`),
      svg("rect", {class: "hist-hit", x: index * 10, y: 0, width: 10, height: HEIGHT}), svg("rect", {class: "hist-all", x: index * 10 + 0.5, y: HEIGHT - tall(bucket.total), width: 9, height: tall(bucket.total)}),
      bucket.failed ? svg("rect", {class: "hist-failed", x: index * 10 + 0.5, y: HEIGHT - tall(bucket.failed), width: 9, height: tall(bucket.failed)}) : null)));
    const marks = window.innerWidth < 768 ? 3 : 7;
    axis.replaceChildren(...Array.from({length: marks}, (_, n) => h("span", {}, n === marks - 1 && serverNow() - until < step * 2000 ? "now" : label(buckets[0].at + ((until - buckets[0].at) * n) / (marks - 1), n === 0))));
  }

  /** @param {number} at @param {boolean} whole */
  function label(at, whole) {
    const length = until - (buckets[0]?.at ?? 0);
    if (length > 5 * 86_400_000) return whole ? date(at) : date(at).slice(5);
    const day = whole || new Date(at).getHours() < 6 ? `${DAYS[new Date(at).getDay()]} ` : "";
    return `${length > 12 * 3_600_000 ? day : ""}${shortTime(at)}`;
  }

  /** @param {PointerEvent} event */
  function place(event) {
    const box = drawing.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * buckets.length;
  }

  /** @param {PointerEvent} event */
  function down(event) {
    if (event.button !== 0 || !buckets.length) return;
    drag = {from: place(event), to: place(event)};
    drawing.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  function move(event) {
    if (!drag) return;
    drag.to = place(event);
    shade();
  }

  function shade() {
    band.setAttribute("visibility", drag && Math.abs(drag.to - drag.from) > 0.3 ? "visible" : "hidden");
    if (!drag) return;
    band.setAttribute("x", String(Math.min(drag.from, drag.to) * 10));
    band.setAttribute("width", String(Math.abs(drag.to - drag.from) * 10));
  }

  /** @param {PointerEvent} event */
  function up(event) {
    if (!drag) return;
    const from = Math.floor(Math.min(drag.from, place(event)));
    const to = Math.ceil(Math.max(drag.from, place(event)) - 1e-6);
    const wide = drawing.getBoundingClientRect().width / buckets.length;
    const single = Math.abs(place(event) - drag.from) * wide < SLIGHT;
    drag = null;
    shade();
    const last = single ? from + 1 : Math.max(to, from + 1);
    if (single && !buckets[from]?.total) return;
    const at = buckets[0].at;
    onRange(at + from * step * 1000, at + Math.min(last, buckets.length) * step * 1000);
  }

  return {
    element,
    /** @param {any} data of the API */
    set(data) {
      buckets = data.buckets.map((/** @type {any} */ each) => ({at: stamp(each.at) ?? 0, total: each.total ?? 0, failed: each.failed ?? 0}));
      step = data.step;
      until = stamp(data.until) ?? 0;
      element.hidden = !buckets.some((bucket) => bucket.total);
      if (!element.hidden) draw();
    },
  };
}
