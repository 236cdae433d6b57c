// Dead letters: the runs that failed, put together by cause, each with a way to retry all of it.

import {causeRow} from "../components/causes.js";
import {nothing, refusal, skeleton} from "../components/loading.js";
import {segmented} from "../components/tabs.js";
import {parkedPanel} from "../overview/parked.js";
import {api} from "../lib/api.js";
import {h, say} from "../lib/dom.js";
import {count, number} from "../lib/format.js";
import {poll} from "../lib/poll.js";
import {link, replaceQuery} from "../lib/router.js";

const PACE = 5000;
const WINDOWS = /** @type {const} */ ([["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"], ["30d", "30 d"]]);

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function failuresPage({query}) {
  let window = WINDOWS.some(([name]) => name === query.get("window")) ? String(query.get("window")) : "24h";
  let shown = "";
  const words = h("p", {class: "quiet page-range", role: "status"});
  const choice = segmented({label: "How far back", value: window, options: WINDOWS, onChange: (next) => {
    window = next;
    replaceQuery({window: next === "24h" ? null : next});
    reading.now();
  }});
  const room = h("div", {}, skeleton(6, {height: 56, label: "Loading the causes"}));
  const parked = parkedPanel();
  const head = h("span", {class: "quiet"});

  const reading = poll(async (signal) => {
    const [data, all] = await Promise.all([api.get("/failures", {window}, {signal}), api.get("/overview", {window: "15m"}, {signal})]);
    parked.tell(all.now);
    const spoken = window.replace(/(\d+)([a-z])/, "$1 $2");
    say(words, data.total ? `${count(data.total, "run")} failed in ${spoken}` : "");
    say(head, data.causes.length ? `${count(data.causes.length, "cause")}${data.looked_at < data.total ? ` in the newest ${number(data.looked_at)}` : ""}` : "");
    const signature = JSON.stringify([data.causes, window]);
    if (signature === shown) return;
    shown = signature;
    room.replaceChildren(data.causes.length ? h("div", {class: "scroll-x"}, h("table", {class: "table causes-table is-wide"}, h("thead", {}, h("tr", {}, h("th", {scope: "col", class: "end"}, "Runs"), h("th", {scope: "col"}, "Cause"), h("th", {scope: "col"}, spoken), h("th", {scope: "col"}, "Last, first"), h("th", {scope: "col"}, h("span", {class: "visually-hidden"}, "Retry")))), h("tbody", {}, data.causes.map((/** @type {any} */ cause) => causeRow(cause, {wide: true, done: () => reading.now()})))))
      : nothing(`No run failed in ${spoken}. Those that do are put together here by class, message and place.`));
  }, PACE, (error) => { if (!shown) room.replaceChildren(refusal(error, {what: "The causes could not be read.", again: () => reading.now()})); });

  return {
    element: h("div", {class: "page"}, h("header", {class: "page-head"}, h("h1", {}, "Dead letters"), h("div", {class: "page-end"}, words, choice)), h("div", {class: "stack"},
      h("section", {class: "panel", "aria-labelledby": "d-causes"}, h("div", {class: "panel-head"}, h("h2", {id: "d-causes"}, "Causes"), head, h("span", {class: "panel-end"}, link("/runs?state=failed", "All failed runs"))), room), parked.element)),
    title: "Dead letters",
    stop: reading.stop,
  };
}
