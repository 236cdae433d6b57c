// Queues and workers: how much is ready and how old it is, who serves it with how many slots, and why a run waits.

import {queueTable} from "../queues/queuetable.js";
import {whyPanel} from "../queues/why.js";
import {workerTable} from "../queues/workertable.js";
import {refusal, skeleton} from "../components/loading.js";
import {api} from "../lib/api.js";
import {h, say} from "../lib/dom.js";
import {count, duration, number, stamp} from "../lib/format.js";
import {poll} from "../lib/poll.js";
import {serverNow} from "../lib/servertime.js";

const PACE = 2000;

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function queuesPage({query}) {
  const words = h("p", {class: "soft page-range", role: "status"});
  const queues = queueTable();
  const workers = workerTable();
  const why = whyPanel(query.get("run") ?? "");
  const note = h("div", {class: "panel"}, skeleton(6, {label: "Loading queues and workers"}));
  const content = h("div", {class: "stack", hidden: true}, queues.element, workers.element, why.element);
  let known = false;

  const reading = poll(async (signal) => {
    const [lines, hands] = await Promise.all([api.get("/queues", {window: "1h"}, {signal}), api.get("/workers", {}, {signal})]);
    known = true;
    note.hidden = true;
    content.hidden = false;
    const ready = lines.queues.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.ready, 0);
    const oldest = Math.min(...lines.queues.map((/** @type {any} */ each) => stamp(each.oldest_at) ?? Infinity));
    const alive = hands.workers.filter((/** @type {any} */ each) => each.status === "alive");
    const sum = (/** @type {string} */ name) => alive.reduce((/** @type {number} */ total, /** @type {any} */ each) => total + each[name], 0);
    say(words, `${number(ready)} ready${ready && oldest < Infinity ? `, oldest ${duration(Math.max(0, serverNow() - oldest) / 1000, 1)}` : ""}  ·  ${number(sum("held"))} of ${count(sum("concurrency"), "slot")} in use`);
    queues.tell(lines.queues);
    workers.tell(hands.workers);
    why.around(lines.queues, hands.workers);
  }, PACE, (error) => { if (!known) note.replaceChildren(refusal(error, {what: "Queues and workers could not be read.", again: () => reading.now()})); });

  return {
    element: h("div", {class: "page"}, h("header", {class: "page-head"}, h("h1", {}, "Queues & workers"), h("div", {class: "page-end"}, words)), note, content),
    title: "Queues & workers",
    keys: () => [{keys: "/", does: "why is it waiting", run: why.focus}],
    stop: reading.stop,
  };
}
