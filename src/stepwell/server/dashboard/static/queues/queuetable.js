// The queues as a table; every number leads to its runs.

import {nothing} from "../components/loading.js";
import {usage} from "../components/spark.js";
import {attribute, each, h, say} from "../lib/dom.js";
import {count, duration, number, stamp} from "../lib/format.js";
import {href} from "../lib/router.js";
import {serverNow} from "../lib/servertime.js";

const SLOW = 60;

export function queueTable() {
  const body = h("tbody", {role: "rowgroup"});
  const none = nothing("None yet. A queue appears with its first run or worker.");
  const words = h("span", {class: "quiet"});
  const table = h("table", {class: "table queue-table", role: "table"}, h("thead", {role: "rowgroup"}, h("tr", {role: "row"}, h("th", {scope: "col"}, "Queue"), h("th", {scope: "col", class: "end"}, "Ready"), h("th", {scope: "col", class: "end"}, "Oldest"), h("th", {scope: "col", class: "end"}, "Later"), h("th", {scope: "col", class: "end"}, "Waiting"), h("th", {scope: "col", class: "end q-out"}, "Out /min"), h("th", {scope: "col", class: "q-flight"}, "In flight"), h("th", {scope: "col", class: "end"}, "Workers"))), body);
  return {
    element: h("section", {class: "panel", "aria-labelledby": "q-queues"}, h("div", {class: "panel-head"}, h("h2", {id: "q-queues"}, "Queues"), words), h("div", {class: "scroll-x"}, table), none),
    /** @param {any[]} queues */
    tell(queues) {
      table.hidden = !queues.length;
      none.hidden = queues.length > 0;
      say(words, queues.length > 1 ? number(queues.length) : "");
      table.classList.toggle("no-out", queues.every((queue) => queue.out_per_minute === null));
      each(body, queues, (queue) => queue.queue, made, update);
    },
  };
}

/** @param {any} queue */
function made(queue) {
  const runs = (/** @type {string} */ states) => href(`/runs?queue=${encodeURIComponent(queue.queue)}&state=${states}`);
  const cell = (/** @type {string} */ kind, /** @type {string|null} */ label, /** @type {import("../lib/dom.js").Child[]} */ ...children) => h("td", {class: kind, role: "cell", "data-label": label}, children);
  const told = (/** @type {string} */ part) => h("span", {"data-part": part});
  const number = (/** @type {string} */ part, /** @type {string} */ label, /** @type {string} */ states, kind = "soft") => cell(`end q-${part}`, label, h("a", {class: kind, "data-part": part, href: runs(states)}));
  const row = h("tr", {role: "row"}, cell("q-name", null, h("a", {class: "name", href: href(`/runs?queue=${encodeURIComponent(queue.queue)}`)}, h("bdi", {dir: "auto"}, queue.queue)), h("span", {class: "held beside", "data-part": "held"})), number("ready", "ready", "queued", "name strong"), cell("end soft q-oldest", "oldest", told("oldest")), number("delayed", "later", "queued"), number("waiting", "waiting", "waiting"), cell("end soft q-out", "out /min", told("out")), cell("q-flight", null, h("a", {class: "flight-link soft", href: runs("running"), "data-part": "flight"})), cell("end soft q-workers", "workers", told("workers")));
  update(row, queue);
  return row;
}

/** @param {Element} row @param {any} queue */
function update(row, queue) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (row.querySelector(`[data-part="${name}"]`));
  const old = queue.oldest_at ? Math.max(0, (serverNow() - (stamp(queue.oldest_at) ?? 0)) / 1000) : null;
  const full = queue.slots !== null && queue.slots > 0 && queue.running >= queue.slots;
  say(part("ready"), number(queue.ready));
  say(part("oldest"), old === null ? "–" : duration(old, 1));
  part("oldest").classList.toggle("held", old !== null && old > SLOW);
  say(part("delayed"), number(queue.delayed));
  say(part("waiting"), number(queue.waiting));
  say(part("out"), queue.out_per_minute === null ? "–" : number(Number(queue.out_per_minute.toFixed(queue.out_per_minute < 10 ? 1 : 0))));
  say(part("workers"), number(queue.workers));
  say(part("held"), queue.workers === 0 && queue.ready ? "no worker serves it" : full && queue.ready ? "all slots are taken" : "");
  const signature = `${queue.running}/${queue.slots}`;
  if (part("flight").getAttribute("data-is") === signature) return;
  attribute(part("flight"), "data-is", signature);
  part("flight").replaceChildren(usage(queue.running, queue.slots ?? 0, `${queue.running} running`), h("span", {}, queue.slots === null ? `${number(queue.running)} running` : `${number(queue.running)} of ${count(queue.slots, "slot")}`));
}
