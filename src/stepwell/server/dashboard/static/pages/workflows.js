// The workflows: what can be started, how its runs fared in 24 hours, who serves it.

import {nothing, refusal, skeleton} from "../components/loading.js";
import {icon, stateIcon} from "../components/icons.js";
import {STATES} from "../components/states.js";
import {copyButton} from "../components/copy.js";
import {nameText} from "../components/names.js";
import {api, session} from "../lib/api.js";
import {each, h, say} from "../lib/dom.js";
import {count, number} from "../lib/format.js";
import {poll} from "../lib/poll.js";
import {href, replaceQuery} from "../lib/router.js";

const PACE = 10_000;

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function workflowsPage({query}) {
  let words = query.get("text") ?? "";
  /** @type {any[]} */
  let workflows = [];
  const field = h("input", {class: "input find-field", type: "search", placeholder: "Find a workflow", "aria-label": "Find a workflow", oninput: () => { words = field.value.trim(); replaceQuery({text: words}); draw(); }});
  field.value = words;
  const total = h("p", {class: "quiet page-range", role: "status"});
  const body = h("tbody", {});
  const steps = h("tbody", {});
  const head = () => h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Name"), h("th", {scope: "col", class: "w-doc"}, "What it does"), h("th", {scope: "col"}, "Runs in 24 h"), h("th", {scope: "col", class: "end"}, "Workers"), h("th", {scope: "col", class: "w-code"}, "Code"), h("th", {scope: "col"}, h("span", {class: "visually-hidden"}, "Start"))));
  const panel = h("section", {class: "panel", "aria-label": "Workflows", hidden: true}, h("table", {class: "table flows-table"}, head(), body));
  const others = h("section", {class: "panel", "aria-labelledby": "single-steps", hidden: true}, h("div", {class: "panel-head"}, h("h2", {id: "single-steps"}, "Steps"), h("span", {class: "quiet"}, "each can be started by itself")), h("table", {class: "table flows-table"}, head(), steps));
  const note = h("div", {class: "panel"}, skeleton(6, {height: 50, label: "Loading workflows"}));
  const element = h("div", {class: "page"}, h("header", {class: "page-head"}, h("h1", {}, "Workflows"), h("div", {class: "page-end"}, total, field)), note, panel, others);

  const reading = poll(async (signal) => {
    workflows = (await api.get("/workflows", {}, {signal})).workflows;
    draw();
  }, PACE, (error) => { if (!workflows.length) note.replaceChildren(refusal(error, {what: "The workflows could not be read.", again: () => reading.now()})); });

  function draw() {
    const found = workflows.filter((each) => `${each.name} ${each.doc ?? ""}`.toLowerCase().includes(words.toLowerCase()));
    const [flows, single] = [found.filter((each) => each.kind === "workflow"), found.filter((each) => each.kind === "step")];
    say(total, workflows.length ? [count(flows.length, "workflow"), single.length ? count(single.length, "step") : ""].filter(Boolean).join(", ") : "");
    panel.hidden = flows.length === 0;
    others.hidden = single.length === 0;
    note.hidden = found.length > 0;
    if (!found.length) note.replaceChildren(workflows.length ? nothing(`No workflow has “${words}” in its name or description.`) : none());
    each(body, flows, key, row);
    each(steps, single, key, row);
  }

  return {element, title: "Workflows", keys: () => [{keys: "/", does: "find a workflow", run: () => field.focus()}], stop: reading.stop};
}

/** What a row shows: a changed one is made anew. @param {any} flow */
const key = (flow) => JSON.stringify([flow.name, flow.runs, flow.workers, flow.code, flow.doc]);

const none = () => h("div", {class: "none"}, h("p", {}, h("strong", {}, "None is known yet."), " Workflows appear when a worker offers them."), h("div", {class: "paste"}, h("code", {}, "stepwell dev app.py"), copyButton(() => "stepwell dev app.py", "Copy the command", true)));

/** @param {any} flow */
function row(flow) {
  const path = `/workflows/${encodeURIComponent(flow.name)}`;
  return h("tr", {}, h("td", {class: "two"}, h("a", {class: "name", href: href(path)}, nameText(flow.name)), h("span", {class: "second"}, flow.on.length ? ["started by ", h("bdi", {}, flow.on.join(", "))] : ["queue ", h("bdi", {}, flow.queue)])),
    h("td", {class: "w-doc soft"}, h("div", {class: "cut-text", title: flow.doc}, h("bdi", {dir: "auto"}, (flow.doc ?? "").split("\n")[0]))),
    h("td", {}, tallies(flow)), h("td", {class: "end soft"}, flow.workers ? number(flow.workers) : h("span", {class: "held"}, "none")), h("td", {class: "mono soft w-code"}, flow.code?.slice(0, 7) ?? "–"),
    h("td", {class: "end"}, flow.known && session.can("execute") ? h("a", {class: "button small", href: href(`/start/${encodeURIComponent(flow.name)}`), "aria-label": `Start ${flow.name}`}, icon("plus"), "Start") : null));
}

/** The runs of a day by state; each leads to them. @param {any} flow */
export function tallies(flow) {
  const states = STATES.filter((status) => flow.runs[status]);
  if (!states.length) return h("span", {class: "quiet"}, "none");
  return h("span", {class: "tallies"}, states.map((status) => h("a", {class: "tally", href: href(`/runs?workflow=${encodeURIComponent(flow.name)}&state=${status}&since=24h`), "aria-label": `${flow.runs[status]} ${status}`, "data-tip": status}, stateIcon(status, 14), number(flow.runs[status]))));
}
