// The queues as a table; every number leads to its runs.

import {nothing} from "../components/loading.js";
import {usage} from "../components/spark.js";
import {attribute, each, h, say} from "../lib/dom.js";
import {count, duration, number, stamp} from "../lib/format.js";
import {href} from "../lib/router.js";

const SLOW = 60;

export function queueTable() {
  const body = h("tbody", {});
  const none = nothing("None yet. A queue appears with its first run or worker.");
  const words = h("span", {class: "quiet"});
  const table = h("table", {class: "table queue-table"}, h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Queue"), h("th", {scope: "col", class: "end"}, "Ready"), h("th", {scope: "col", class: "end"}, "Oldest"), h("th", {scope: "col", class: "end"}, "Later"), h("th", {scope: "col", class: "end"}, "Waiting"), h("th", {scope: "col", class: "end q-out"}, "Out /min"), h("th", {scope: "col", class: "q-flight"}, "In flight"), h("th", {scope: "col", class: "end"}, "Workers"))), body);
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
  const number = (/** @type {string} */ part, /** @type {string} */ states, kind = "soft") => h("td", {class: "end"}, h("a", {class: kind, "data-part": part, href: runs(states)}));
  const row = h("tr", {}, h("td", {}, h("a", {class: "name", href: href(`/runs?queue=${encodeURIComponent(queue.queue)}`)}, h("bdi", {dir: "auto"}, queue.queue)), h("span", {class: "held beside", "data-part": "held"})), number("ready", "queued", "name strong"), h("td", {class: "end soft", "data-part": "oldest"}), number("delayed", "queued"), number("waiting", "waiting"), h("td", {class: "end soft q-out", "data-part": "out"}), h("td", {class: "q-flight"}, h("a", {class: "flight-link soft", href: runs("running"), "data-part": "flight"})), h("td", {class: "end soft", "data-part": "workers"}));
  update(row, queue);
  return row;
}

/** @param {Element} row @param {any} queue */
function update(row, queue) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (row.querySelector(`[data-part="${name}"]`));
  const old = queue.oldest_at ? Math.max(0, (Date.now() - (stamp(queue.oldest_at) ?? 0)) / 1000) : null;
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
