// The workers as a table: their slots cell by cell, when they were last heard, how long their loop stood still.

import {LAGGING, lagOf, nameOf, seenOf, silentFor} from "./words.js";
import {nothing} from "../components/loading.js";
import {copyButton} from "../components/copy.js";
import {stateIcon} from "../components/states.js";
import {slots} from "../components/spark.js";
import {ago} from "../components/times.js";
import {attribute, each, h, say} from "../lib/dom.js";
import {count, duration, shortId} from "../lib/format.js";

const START = "stepwell worker app.py";

export function workerTable() {
  const body = h("tbody", {role: "rowgroup"});
  const words = h("span", {class: "quiet"});
  const none = h("div", {class: "none"}, nothing("None is connected. Runs wait until one is:"), h("div", {class: "paste"}, h("code", {}, START), copyButton(() => START, "Copy the command", true)));
  const table = h("table", {class: "table worker-table", role: "table"}, h("thead", {role: "rowgroup"}, h("tr", {role: "row"}, h("th", {scope: "col"}, "Worker"), h("th", {scope: "col", class: "w-id"}, "Id"), h("th", {scope: "col"}, "Slots"), h("th", {scope: "col", class: "end"}, "In use"), h("th", {scope: "col", class: "end"}, "Seen"), h("th", {scope: "col", class: "end"}, "Loop lag"), h("th", {scope: "col", class: "end w-up"}, "Up since"), h("th", {scope: "col", class: "w-queues"}, "Queues"), h("th", {scope: "col", class: "w-version"}, "Version"), h("th", {scope: "col"}, h("span", {class: "visually-hidden"}, "Note")))), body);
  return {
    element: h("section", {class: "panel", "aria-labelledby": "q-workers"}, h("div", {class: "panel-head"}, h("h2", {id: "q-workers"}, "Workers"), words, h("span", {class: "panel-end quiet"}, "one cell is one slot")), h("div", {class: "scroll-x"}, table), none),
    /** @param {any[]} workers */
    tell(workers) {
      const late = workers.filter((worker) => worker.status === "late").length;
      say(words, workers.length ? `${workers.length - late} alive${late ? `, ${late} lost` : ""}` : "");
      table.hidden = !workers.length;
      none.hidden = workers.length > 0;
      each(body, workers, (worker) => worker.id, made, update);
    },
  };
}

/** @param {any} worker */
function made(worker) {
  const offers = Object.keys(worker.offers);
  const cell = (/** @type {string} */ kind, /** @type {string|null} */ label, /** @type {import("../lib/dom.js").Child[]} */ ...children) => h("td", {class: kind, role: "cell", "data-label": label}, children);
  const told = (/** @type {string} */ part) => h("span", {"data-part": part});
  const row = h("tr", {role: "row"}, cell("w-name", null, h("span", {class: "state worker-cell"}, h("span", {"data-part": "sign"}), h("bdi", {class: "name cut-text worker-name", dir: "auto", title: `${worker.id}, serves ${offers.join(", ")}`}, nameOf(worker)))), cell("mono soft w-id", null, h("span", {title: worker.id}, shortId(worker.id))), cell("w-slots", null, told("slots")), cell("end soft w-use", null, told("use")), cell("end soft w-seen", "seen", told("seen")), cell("end soft w-lag", "loop lag", told("lag")),
    cell("end soft w-up", "up since", ago(worker.started_at)), cell("soft w-queues", "queues", h("div", {class: "cut-text", title: worker.queues.join(", ")}, worker.queues.length ? h("bdi", {}, worker.queues.join(", ")) : "all")), cell("mono soft w-version", null, worker.version), cell("w-note", null, told("note")));
  update(row, worker);
  return row;
}

/** @param {Element} row @param {any} worker */
function update(row, worker) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (row.querySelector(`[data-part="${name}"]`));
  const late = worker.status === "late";
  const state = late ? "failed" : worker.draining ? "paused" : "running";
  row.classList.toggle("is-lost-row", late);
  if (part("sign").getAttribute("data-is") !== state) {
    attribute(part("sign"), "data-is", state);
    part("sign").replaceChildren(stateIcon(state, 16, {label: late ? "lost" : worker.draining ? "draining" : "alive"}));
  }
  const cells = `${worker.held}/${worker.concurrency}`;
  if (part("slots").getAttribute("data-is") !== cells) {
    attribute(part("slots"), "data-is", cells);
    part("slots").replaceChildren(slots(worker.held, worker.concurrency));
  }
  say(part("use"), `${worker.held} of ${worker.concurrency}`);
  say(part("seen"), seenOf(worker));
  part("seen").classList.toggle("bad", late);
  say(part("lag"), lagOf(worker));
  part("lag").classList.toggle("held", !late && worker.lag_s > LAGGING);
  const note = late ? `silent ${duration(silentFor(worker), 1)}; its runs go to other workers` : worker.draining ? `draining, ${count(worker.held, "run")} left` : worker.lag_s > LAGGING ? `its loop stood still for ${duration(worker.lag_s)}` : "";
  say(part("note"), note);
  part("note").className = late ? "bad" : worker.draining ? "soft" : "held";
}
