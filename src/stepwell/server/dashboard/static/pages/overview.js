// The overview: how many runs are where, how fast they start and end, what fails, who needs a person, queues and workers.

import {latencyPanel, throughputPanel} from "../overview/charts.js";
import {causesPanel} from "../overview/causes.js";
import {parkedPanel} from "../overview/parked.js";
import {queuesPanel, workersPanel} from "../overview/serving.js";
import {statesStrip} from "../overview/states.js";
import {firstUse} from "../components/firstuse.js";
import {crosshair} from "../components/chart.js";
import {refusal, skeleton} from "../components/loading.js";
import {segmented} from "../components/tabs.js";
import {tellCounts} from "../shell/counters.js";
import {api} from "../lib/api.js";
import {h, say} from "../lib/dom.js";
import {offset, shortTime, stamp} from "../lib/format.js";
import {poll} from "../lib/poll.js";
import {replaceQuery} from "../lib/router.js";

const WINDOWS = /** @type {const} */ ([["15m", "15 m"], ["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"]]);
const BUCKETS = /** @type {Record<string, string>} */ ({"15m": "15-second", "1h": "1-minute", "24h": "15-minute", "7d": "2-hour"});
const PACE = 3000;
const SLOW = 15_000;

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function overviewPage({query}) {
  let window = WINDOWS.some(([name]) => name === query.get("window")) ? String(query.get("window")) : "1h";
  const at = crosshair();
  const range = h("p", {class: "quiet page-range"});
  const strip = statesStrip();
  const throughput = throughputPanel(at);
  const latency = latencyPanel(at);
  const causes = causesPanel(() => slow.now());
  const parked = parkedPanel();
  const queues = queuesPanel();
  const workers = workersPanel();
  const choice = segmented({label: "How far back", value: window, options: WINDOWS, onChange: (next) => {
    window = next;
    replaceQuery({window: next === "1h" ? null : next});
    fast.now();
  }});
  const loading = skeleton(8, {height: 56, label: "Loading the overview"});
  const content = h("div", {class: "overview", hidden: true}, strip.element,
    h("div", {class: "overview-charts"}, throughput.element, latency.element),
    h("div", {class: "overview-below"}, h("div", {class: "overview-col"}, causes.element, parked.element), h("div", {class: "overview-col"}, queues.element, workers.element)));
  const head = h("header", {class: "page-head"}, h("h1", {}, "Overview"), h("div", {class: "page-end"}, range, choice));
  const element = h("div", {class: "page"}, head, loading, content);
  /** @type {ReturnType<typeof firstUse>|null} */
  let first = null;

  const fast = poll(async (signal) => {
    const [all, lines, hands] = await Promise.all([api.get("/overview", {window}, {signal}), api.get("/queues", {window: "1h"}, {signal}), api.get("/workers", {}, {signal})]);
    const total = Object.values(/** @type {Record<string, number>} */ (all.now.by_status)).reduce((a, b) => a + b, 0);
    tellCounts(all.now.by_status);
    if (total === 0) return showFirst(hands.workers.length);
    loading.remove();
    first?.element.remove();
    first = null;
    head.hidden = content.hidden = false;
    const since = stamp(all.since) ?? 0;
    const until = stamp(all.until) ?? 0;
    say(range, `${shortTime(since)} to ${shortTime(until)}, ${BUCKETS[window] ?? ""} buckets, ${offset(until)}`);
    strip.tell(all);
    throughput.tell(all);
    latency.tell(all);
    parked.tell(all.now);
    queues.tell(lines.queues);
    workers.tell(hands.workers);
  }, PACE, (error) => {
    if (content.hidden && error.status !== 401) loading.replaceChildren(h("div", {class: "panel"}, refusal(error, {what: "The overview could not be read.", again: () => fast.now()})));
  });
  const slow = poll(async (signal) => causes.tell(await api.get("/failures", {window: "24h"}, {signal})), SLOW, (error) => causes.refuse(error));

  /** @param {number} hands */
  function showFirst(hands) {
    if (!first) {
      first = firstUse();
      loading.remove();
      head.hidden = content.hidden = true;
      element.append(first.element);
    }
    void first.tell(hands);
  }

  return {
    element,
    title: "Overview",
    stop() {
      fast.stop();
      slow.stop();
      throughput.stop();
      latency.stop();
    },
  };
}
