// Queues and workers in short: what is ready, how old it is, what is in flight, and who serves.

import {nothing} from "../components/loading.js";
import {sparkline, usage} from "../components/spark.js";
import {attribute, each, h, say} from "../lib/dom.js";
import {count, duration, number, stamp} from "../lib/format.js";
import {href, link} from "../lib/router.js";
import {serverNow} from "../lib/servertime.js";
import {LAGGING, lagOf, nameOf, seenOf} from "../queues/words.js";

const MOST = 6;

export function queuesPanel() {
  const body = h("tbody", {});
  const head = h("tr", {});
  const table = h("table", {class: "table queues-table"}, h("thead", {}, head), body);
  const words = h("span", {class: "quiet"});
  const none = nothing("None yet. A queue appears with its first run or worker.");
  let columns = "";
  return {
    element: h("section", {class: "panel", "aria-labelledby": "queues"}, h("div", {class: "panel-head"}, h("h2", {id: "queues"}, "Queues"), words, h("span", {class: "panel-end"}, link("/queues", "All queues"))), table, none),
    /** @param {any[]} queues */
    tell(queues) {
      const rows = [...queues].sort((a, b) => b.ready + b.running - a.ready - a.running || (a.queue < b.queue ? -1 : 1)).slice(0, MOST);
      const spark = rows.some((row) => row.ready_spark);
      const out = rows.some((row) => row.out_per_minute !== null);
      say(words, queues.length > MOST ? `${MOST} of ${queues.length}` : "");
      table.hidden = !rows.length;
      none.hidden = rows.length > 0;
      const signature = `${spark} ${out}`;
      if (signature !== columns) {
        columns = signature;
        head.replaceChildren(h("th", {}, "Queue"), ...(spark ? [h("th", {class: "o-spark"}, "1 h")] : []), h("th", {class: "end"}, "Ready"), h("th", {class: "end"}, "Oldest"), ...(out ? [h("th", {class: "end o-out"}, "Out /min")] : []), h("th", {}, "In flight"));
      }
      each(body, rows, (row) => `${row.queue} ${signature}`, (row) => queueRow(row, spark, out), (element, row) => tellQueue(element, row));
    },
  };
}

/** @param {any} row @param {boolean} spark @param {boolean} out */
function queueRow(row, spark, out) {
  const element = h("tr", {}, h("td", {class: "two"}, h("a", {class: "name", href: href(`/runs?queue=${encodeURIComponent(row.queue)}`)}, h("bdi", {dir: "auto"}, row.queue)), h("span", {class: "second held", "data-part": "held"})),
    spark ? h("td", {class: "o-spark"}, sparkline(row.ready_spark ?? [], {label: "Ready over an hour"})) : null,
    h("td", {class: "end"}, h("strong", {"data-part": "ready"})), h("td", {class: "end soft", "data-part": "oldest"}), out ? h("td", {class: "end soft o-out", "data-part": "out"}) : null, h("td", {class: "two flight", "data-part": "flight"}));
  tellQueue(element, row);
  return element;
}

/** @param {Element} element @param {any} row */
function tellQueue(element, row) {
  const part = (/** @type {string} */ name) => /** @type {Element} */ (element.querySelector(`[data-part="${name}"]`));
  const old = row.oldest_at ? Math.max(0, (serverNow() - (stamp(row.oldest_at) ?? serverNow())) / 1000) : null;
  say(part("ready"), number(row.ready));
  say(part("oldest"), old === null ? "–" : duration(old, 1));
  if (part("out")) say(part("out"), row.out_per_minute === null ? "–" : number(Number(row.out_per_minute.toFixed(row.out_per_minute < 10 ? 1 : 0))));
  const full = row.slots !== null && row.running >= row.slots && row.ready > 0;
  const held = row.slots === null && row.ready ? "no worker serves it" : full ? "all slots are taken" : "";
  say(part("held"), held);
  /** @type {HTMLElement} */ (part("held")).hidden = !held;
  const signature = `${row.running}/${row.slots}`;
  const flight = part("flight");
  if (flight.getAttribute("data-is") === signature) return;
  attribute(flight, "data-is", signature);
  flight.replaceChildren(usage(row.running, row.slots ?? 0, `${row.running} running`), h("span", {class: "second"}, row.slots === null ? `${number(row.running)} running` : `${number(row.running)} of ${count(row.slots, "slot")}`));
}

export function workersPanel() {
  const body = h("tbody", {});
  const words = h("span", {class: "quiet"});
  const none = nothing("None is connected. Start one: ", h("code", {}, "stepwell worker app.py"));
  const table = h("table", {class: "table workers-table"}, h("thead", {}, h("tr", {}, h("th", {}, "Worker"), h("th", {}, "Slots"), h("th", {class: "end"}, "In use"), h("th", {class: "end"}, "Seen"), h("th", {class: "end"}, "Loop lag"), h("th", {class: "end"}, "Version"))), body);
  return {
    element: h("section", {class: "panel", "aria-labelledby": "workers"}, h("div", {class: "panel-head"}, h("h2", {id: "workers"}, "Workers"), words, h("span", {class: "panel-end"}, link("/queues", "All workers"))), table, none),
    /** @param {any[]} workers */
    tell(workers) {
      const alive = workers.filter((worker) => worker.status === "alive");
      const held = alive.reduce((sum, worker) => sum + worker.held, 0);
      const slots = alive.reduce((sum, worker) => sum + worker.concurrency, 0);
      say(words, workers.length ? `${alive.length} alive, ${number(held)} of ${count(slots, "slot")}` : "");
      table.hidden = !workers.length;
      none.hidden = workers.length > 0;
      each(body, workers.slice(0, MOST), (worker) => worker.id, workerRow, tellWorker);
    },
  };
}

/** @param {any} worker */
function workerRow(worker) {
  const element = h("tr", {}, h("td", {class: "two"}, h("span", {class: "name cut-text worker-name", title: worker.id}, h("bdi", {dir: "auto"}, nameOf(worker))), h("span", {class: "second", "data-part": "note"})), h("td", {"data-part": "bar"}), h("td", {class: "end soft", "data-part": "use"}), h("td", {class: "end soft", "data-part": "seen"}), h("td", {class: "end soft", "data-part": "lag"}), h("td", {class: "end mono soft"}, worker.version));
  tellWorker(element, worker);
  return element;
}

/** @param {Element} element @param {any} worker */
function tellWorker(element, worker) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`[data-part="${name}"]`));
  const note = worker.status === "late" ? "silent; its runs go to others" : worker.draining ? `draining, ${worker.held} left` : "";
  say(part("note"), note);
  part("note").hidden = !note;
  part("note").classList.toggle("held", worker.status === "late");
  say(part("use"), `${worker.held} of ${worker.concurrency}`);
  say(part("seen"), seenOf(worker));
  say(part("lag"), lagOf(worker));
  part("lag").classList.toggle("held", worker.lag_s > LAGGING);
  part("bar").replaceChildren(usage(worker.held, worker.concurrency, `${worker.held} of ${worker.concurrency} slots in use`));
}
