// Why is it waiting? A run's own sentence, and what a start needs, each with whether it is there.

import {stateIcon} from "../components/states.js";
import {api} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {count, number} from "../lib/format.js";
import {link, replaceQuery} from "../lib/router.js";
import {serverNow} from "../lib/servertime.js";

/** @param {string} first the id of a run */
export function whyPanel(first) {
  /** @type {any[]} */
  let queues = [];
  /** @type {any[]} */
  let workers = [];
  /** @type {any} */
  let run = null;
  let asked = 0;
  const field = h("input", {class: "input mono", type: "search", placeholder: "id of a run", "aria-label": "Id of a run", autocomplete: "off", spellcheck: "false", dir: "auto"});
  field.value = first;
  const answer = h("div", {class: "why-answer", role: "status"}, h("p", {class: "soft"}, "Give the id of a run that does not start or go on. What it needs is looked up here."));

  /** @param {Event} [event] */
  async function ask(event) {
    event?.preventDefault();
    const id = field.value.trim();
    const mine = ++asked;
    replaceQuery({run: id});
    if (!id) return;
    try {
      const found = await api.get(`/runs/${encodeURIComponent(id)}`);
      if (mine !== asked) return;
      run = found;
      draw();
    } catch (error) {
      if (mine !== asked) return;
      run = null;
      const problem = /** @type {any} */ (error);
      answer.replaceChildren(h("p", {class: "bad"}, problem.status === 404 ? ["No run ", h("bdi", {class: "mono", dir: "auto"}, id), "."] : problem.message));
    }
  }

  function draw() {
    if (!run) return;
    answer.replaceChildren(h("p", {class: "why-text"}, run.summary.parts.map((/** @type {any} */ part) => (part.strong ? h("strong", {}, h("bdi", {}, part.text)) : h("bdi", {}, part.text))), " ", link(`/runs/${encodeURIComponent(run.id)}`, "Open it")),
      h("ul", {class: "why-list"}, checks().map(([fine, name, value]) => h("li", {}, stateIcon(fine ? "succeeded" : "waiting", 16, {label: fine ? "fine" : "in the way"}), h("span", {class: "soft"}, name), h("span", {}, value)))));
  }

  /** @returns {[boolean, import("../lib/dom.js").Child, import("../lib/dom.js").Child][]} */
  function checks() {
    const queue = queues.find((each) => each.queue === run.queue);
    const serving = workers.filter((each) => each.status === "alive" && !each.draining && run.workflow in each.offers && (!each.queues.length || each.queues.includes(run.queue)));
    const free = serving.filter((each) => each.held < each.concurrency);
    const late = run.due_at && Date.parse(run.due_at) > serverNow();
    /** @type {[boolean, import("../lib/dom.js").Child, import("../lib/dom.js").Child][]} */
    const found = [[!["paused", "parked"].includes(run.status), "held by nobody", run.status === "paused" ? "paused by an operator" : run.status === "parked" ? "parked: it needs a person" : "neither paused nor parked"]];
    if (["succeeded", "failed", "cancelled", "terminated"].includes(run.status)) return [[true, "it has ended", run.status]];
    found.push([serving.length > 0, ["worker for ", h("bdi", {class: "mono"}, run.workflow)], serving.length ? `${count(serving.length, "worker")}` : "none is connected"]);
    found.push([free.length > 0 || run.status === "running", "worker with a free slot", free.length ? number(free.length) : "all are taken"]);
    found.push([!queue?.ready || free.length > 0, ["queue ", h("bdi", {class: "mono"}, run.queue)], queue ? `${number(queue.ready)} ready` : "empty"]);
    if (run.status === "queued") found.push([!late, "its time has come", late ? ["not before ", h("time", {datetime: run.due_at}, new Date(run.due_at).toLocaleTimeString("en-GB"))] : "yes"]);
    if (run.status === "waiting") found.push([false, "what it waits for", h("bdi", {dir: "auto"}, run.now ?? "an event, a child or a moment")]);
    return found;
  }

  if (first) void ask();
  return {
    element: h("section", {class: "panel why", "aria-labelledby": "q-why"}, h("form", {class: "panel-head", onsubmit: (/** @type {Event} */ event) => void ask(event)}, h("h2", {id: "q-why"}, "Why is it waiting?"), h("span", {class: "panel-end"}, field, h("button", {type: "submit", class: "button"}, "Look"))), answer),
    focus: () => field.focus(),
    /** @param {any[]} lines @param {any[]} hands */
    around(lines, hands) {
      queues = lines;
      workers = hands;
      draw();
    },
  };
}
