// The two charts of the overview: runs per minute, and how long starting and running take.

import {chart} from "../components/chart.js";
import {segmented} from "../components/tabs.js";
import {h, say} from "../lib/dom.js";
import {duration, number, stamp} from "../lib/format.js";
import {go} from "../lib/router.js";

/** @typedef {import("../components/chart.js").Bucket} Bucket */
const MINUTE = 60_000;
const SHARE = 0.25;

/** @param {Bucket} bucket */
const openRuns = (bucket) => go(`/runs?since=${new Date(bucket.at).toISOString()}&until=${new Date(bucket.until).toISOString()}`);

/** @param {{value: number|null}} at */
export function throughputPanel(at) {
  const drawn = chart({label: "Runs per minute, by time", whole: true, at, onPick: openRuns, format: (n) => number(Number(n.toFixed(n < 10 ? 1 : 0))),
    series: [{name: "started", kind: "dashed"}, {name: "finished", kind: "fill"}, {name: "failed", kind: "foot"}]});
  return {
    element: h("section", {class: "panel", "aria-labelledby": "throughput"}, h("div", {class: "panel-head"}, h("h2", {id: "throughput"}, "Throughput"), h("span", {class: "quiet"}, "runs per minute"), drawn.reading), drawn.element),
    /** @param {any} all */
    tell(all) {
      const until = stamp(all.until) ?? 0;
      /** @type {Bucket[]} */
      const buckets = [];
      for (const rate of all.throughput) {
        const from = stamp(rate.at) ?? 0;
        const to = Math.min(from + all.step * 1000, until);
        // A bucket that has just begun says little of a minute.
        if (to - from < all.step * 1000 * SHARE) continue;
        const per = (/** @type {number} */ n) => (n * MINUTE) / (to - from);
        buckets.push({at: from, until: to, values: [per(rate.created), per(rate.finished), per(rate.failed)]});
      }
      drawn.set(buckets, stamp(all.since) ?? 0, until);
    },
    stop: drawn.stop,
  };
}

/** @param {{value: number|null}} at */
export function latencyPanel(at) {
  let which = "start";
  /** @type {any} */
  let last = null;
  let scale = 1000;
  const unit = h("span", {class: "quiet"}, "ms");
  const format = (/** @type {number} */ n) => number(Number(n.toFixed(n < 10 ? 1 : 0)));
  const drawn = chart({label: "Latency, by time", at, onPick: openRuns, format, ends: (n) => duration(n / scale, 1),
    series: [{name: "p50", kind: "p50"}, {name: "p95", kind: "p95"}, {name: "p99", kind: "p99"}]});
  const choice = segmented({label: "Which latency", class: "small", value: which, options: [["start", "Start"], ["run", "Run"]], onChange: (next) => {
    which = next;
    if (last) tell(last);
  }});

  /** @param {any} all */
  function tell(all) {
    last = all;
    const rows = all.latency[which];
    const most = Math.max(0, ...rows.map((/** @type {any} */ row) => row.p99 ?? 0));
    scale = most < 2 ? 1000 : 1;
    say(unit, `${scale === 1000 ? "ms" : "seconds"} ${which === "start" ? "from created to begun" : "from created to ended"}`);
    const until = stamp(all.until) ?? 0;
    const up = (/** @type {number|null} */ n) => (n === null ? null : n * scale);
    drawn.set(rows.map((/** @type {any} */ row) => {
      const from = stamp(row.at) ?? 0;
      return {at: from, until: Math.min(from + all.step * 1000, until), values: [up(row.p50), up(row.p95), up(row.p99)]};
    }), stamp(all.since) ?? 0, until);
  }

  return {
    element: h("section", {class: "panel", "aria-labelledby": "latency"}, h("div", {class: "panel-head"}, h("h2", {id: "latency"}, "Latency"), unit, drawn.reading, h("span", {class: "panel-end"}, choice)), drawn.element),
    tell,
    stop: drawn.stop,
  };
}
