// What will happen before a run starts: whether its id is free, who serves it, how long the queue is.

import {stateIcon, icon} from "../components/icons.js";
import {stamp} from "../run/layout.js";
import {h} from "../lib/dom.js";
import {duration} from "../lib/format.js";
import {link} from "../lib/router.js";
import {serverNow} from "../lib/servertime.js";

/**
 * @param {any} workflow
 * @param {{api: any}} around
 */
export function beforePanel(workflow, {api}) {
  const idBox = h("div", {class: "before-id", role: "status"});
  const rows = h("dl", {class: "before"});
  const element = h("section", {class: "before-panel"}, h("h2", {}, "Before it starts"), idBox, rows);
  /** @type {Map<string, any>} */
  const queues = new Map();
  let asked = "";
  let timer = 0;
  let queue = workflow.queue;

  /** @param {any} sign @param {any[]} content */
  const say = (sign, ...content) => idBox.replaceChildren(sign, h("p", {}, ...content));

  /** @param {string} id the run that has it, asked of the list: there being none is no error @returns {Promise<any>} */
  const runOf = async (id) => (await api.get(`/runs?id=${encodeURIComponent(id)}&exact=true`)).runs[0] ?? null;

  /** @param {string} id */
  function checkId(id) {
    if (id === asked && idBox.firstChild) return;
    asked = id;
    clearTimeout(timer);
    if (!id) return say(icon("info"), h("strong", {}, "A new id is made."), " Give one to make the start idempotent.");
    timer = window.setTimeout(async () => {
      try {
        const run = await runOf(id);
        if (asked !== id) return;
        if (!run) return say(stateIcon("succeeded", 16), h("strong", {}, h("bdi", {}, id), " is free."), " A second start with this id and the same input returns the same run.");
        const isOurs = run.workflow === workflow.name;
        say(stateIcon(run.status, 16), link(`/runs/${encodeURIComponent(id)}`, h("strong", {}, h("bdi", {}, id))), h("strong", {}, ` is there, ${run.status}.`), isOurs ? " The same input returns that run, another input is refused." : [" It belongs to ", h("bdi", {}, run.workflow), ", so this start is refused."]);
      } catch (error) {
        if (asked !== id) return;
        say(icon("info"), `Whether the id is free could not be read: ${/** @type {Error} */ (error).message}`);
      }
    }, 250);
  }

  function tell() {
    const line = queues.get(queue);
    const facts = /** @type {[any, any][]} */ ([]);
    if (workflow.workers !== undefined) facts.push(["Workers", workflow.workers ? [`${workflow.workers} ${workflow.workers === 1 ? "serves" : "serve"} `, h("bdi", {}, workflow.name)] : h("span", {class: "warned"}, "None serves it now. It waits until one does.")]);
    facts.push([["Queue ", h("bdi", {}, queue)], line ? `${(line.ready ?? 0).toLocaleString("en")} ready${line.oldest_at ? `, oldest ${duration(Math.max(0, (serverNow() - (stamp(line.oldest_at) ?? serverNow())) / 1000))}` : ""}` : "empty"]);
    if (workflow.waits_for?.length) facts.push(["Will wait for", h("span", {class: "mono"}, ...workflow.waits_for.flatMap((/** @type {string} */ name, /** @type {number} */ index) => [index ? ", " : "", h("bdi", {}, name)]))]);
    if (workflow.on?.length) facts.push(["Also started by", h("span", {class: "mono"}, ...workflow.on.flatMap((/** @type {string} */ name, /** @type {number} */ index) => [index ? ", " : "", h("bdi", {}, name)]))]);
    if (workflow.policy) facts.push(["Policy", h("bdi", {}, workflow.policy)]);
    rows.replaceChildren(...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }
  tell();
  checkId("");
  void (async () => {
    try {
      for (const each of (await api.get("/queues")).queues) queues.set(each.queue, each);
      tell();
    } catch {
      // The queue's line then says nothing of its depth; the start does not need it.
    }
  })();
  /** @param {string} name */
  function setQueue(name) {
    queue = name || workflow.queue;
    tell();
  }

  return {element, checkId, setQueue, stop: () => clearTimeout(timer)};
}
