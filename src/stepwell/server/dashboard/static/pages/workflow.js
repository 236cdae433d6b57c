// One workflow: what it takes and gives, its rules in words, its versions, its newest runs.

import {tallies} from "./workflows.js";
import {nothing, refusal, skeleton} from "../components/loading.js";
import {copyButton} from "../components/copy.js";
import {icon, stateLine} from "../components/icons.js";
import {ago} from "../components/times.js";
import {idText, isLong, nameText} from "../components/names.js";
import {isDelayed, nowOf, nowText, spanOf} from "../runs/row.js";
import {schemaTree} from "../start/schematree.js";
import {api, session} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {count, duration} from "../lib/format.js";
import {poll} from "../lib/poll.js";
import {go, href, link} from "../lib/router.js";

const PACE = 5000;
const SHOWN = 12;

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function workflowPage({params}) {
  const {name} = params;
  const path = encodeURIComponent(name);
  const runs = h("div", {});
  const top = h("div", {}, h("div", {class: "panel"}, skeleton(6, {height: 50, label: "Loading the workflow"})));
  const element = h("div", {class: "page"}, top);
  let made = "";
  let listed = "";

  const reading = poll(async (signal) => {
    const [flow, page] = await Promise.all([api.get(`/workflows/${path}`, {}, {signal}), api.get("/runs", {workflow: name, limit: SHOWN}, {signal})]);
    const signature = JSON.stringify(flow);
    if (signature !== made) {
      made = signature;
      top.replaceChildren(...view(flow, runs));
    }
    const rows = JSON.stringify(page.runs);
    if (rows !== listed) {
      listed = rows;
      runs.replaceChildren(page.runs.length ? table(page.runs) : nothing("None yet."));
    }
  }, PACE, (error) => {
    if (!made) top.replaceChildren(h("div", {class: "panel"}, refusal(error, {what: error.status === 404 ? `There is no workflow ${name} in ${session.namespace}.` : "The workflow could not be read.", again: () => reading.now()})));
  });
  return {element, title: name, stop: reading.stop, keys: () => (session.can("execute") ? [{keys: "s", does: `start ${name}`, run: () => go(`/start/${path}`)}] : [])};
}

/** @param {any} flow @param {HTMLElement} runs */
function view(flow, runs) {
  const path = encodeURIComponent(flow.name);
  const fact = (/** @type {string} */ word, /** @type {import("../lib/dom.js").Child} */ value) => h("div", {class: "fact"}, h("dt", {}, word), h("dd", {}, value));
  const source = flow.source ? `${flow.source.file}:${flow.source.line}` : null;
  const start = flow.known && session.can("execute") ? h("a", {class: "button primary", href: href(`/start/${path}`)}, icon("plus"), "Start run") : null;
  return [
    h("header", {class: "page-head flow-head"}, h("h1", {}, nameText(flow.name)), h("span", {class: "quiet"}, flow.kind === "step" ? "a step that runs by itself" : ""), h("div", {class: "page-end"}, h("a", {class: "button", href: href(`/runs?workflow=${path}`)}, "All runs"), start)),
    flow.doc ? h("p", {class: "soft flow-doc"}, h("bdi", {dir: "auto"}, flow.doc)) : null,
    h("dl", {class: "flow-facts"}, fact("Runs in 24 h", tallies(flow)), fact("Workers", flow.workers ? `${count(flow.workers, "worker")} serve it`.replace("1 worker serve", "1 worker serves") : h("span", {class: "held"}, "none serves it now")), fact("Queue", link(`/runs?queue=${encodeURIComponent(flow.queue)}`, h("bdi", {}, flow.queue))), fact("Rules", flow.policy ?? "not known here"),
      flow.on.length ? fact("Started by", h("bdi", {class: "mono"}, flow.on.join(", "))) : null, flow.waits_for.length ? fact("Waits for", h("bdi", {class: "mono"}, flow.waits_for.join(", "))) : null, source ? fact("Source", h("span", {class: "fact-copy"}, h("bdi", {class: "mono cut-text", title: source}, shortened(source)), copyButton(() => source, "Copy the path", true))) : null),
    h("div", {class: "flow-grid"},
      h("section", {class: "panel", "aria-labelledby": "flow-runs"}, h("div", {class: "panel-head"}, h("h2", {id: "flow-runs"}, "Newest runs"), h("span", {class: "panel-end"}, link(`/runs?workflow=${path}`, "All"))), runs),
      h("div", {class: "flow-side"}, schemaPanel("Takes", flow.input_schema, flow.known), schemaPanel("Gives", result(flow.output_schema), flow.known), versionsPanel(flow))),
  ].filter((part) => part !== null);
}

/** The schema of a result as that of an object with one part, so that any type has a line. @param {any} schema */
const result = (schema) => (schema ? {type: "object", properties: {result: schema}, required: ["result"], $defs: schema.$defs} : null);

/** The end of a path says most. @param {string} path */
const shortened = (path) => path.split("/").slice(-2).join("/");

/** @param {string} title @param {any} schema @param {boolean} known */
function schemaPanel(title, schema, known) {
  const empty = schema && schema.type === "object" && Object.keys(schema.properties ?? {}).length === 0 && !schema.additionalProperties;
  return h("section", {class: "panel"}, h("div", {class: "panel-head"}, h("h2", {}, title)), h("div", {class: "panel-body"}, schema && !empty ? schemaTree(schema) : h("p", {class: "soft"}, empty ? "No arguments." : known ? "Any JSON." : "The code is not here; a worker has it.")));
}

/** @param {any} flow */
function versionsPanel(flow) {
  return h("section", {class: "panel", "aria-labelledby": "flow-versions"}, h("div", {class: "panel-head"}, h("h2", {id: "flow-versions"}, "Versions"), h("span", {class: "quiet"}, "of its code")),
    flow.versions.length ? h("table", {class: "table"}, h("tbody", {}, flow.versions.map((/** @type {any} */ each) => h("tr", {}, h("td", {}, `Version ${each.number}`), h("td", {class: "mono soft"}, each.code.slice(0, 12), each.code === flow.code ? h("span", {class: "tag tag-after"}, "served now") : null), h("td", {class: "end soft"}, ago(each.at)))))) : nothing("None recorded. A worker records the code when it begins to serve it."));
}

/** @param {any[]} runs */
const table = (runs) => h("table", {class: "table flow-runs"}, h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "State"), h("th", {scope: "col"}, "Run"), h("th", {scope: "col"}, "Now"), h("th", {scope: "col"}, "Started"), h("th", {scope: "col", class: "end"}, "Duration"))), h("tbody", {}, runs.map((run) => {
  const span = spanOf(run);
  return h("tr", {}, h("td", {}, stateLine(run.status)), h("td", {}, h("a", {class: "run-link mono", href: href(`/runs/${encodeURIComponent(run.id)}`), title: isLong(run.id) ? run.id : null}, idText(run.id))), h("td", {class: "cell-cut"}, h("div", {class: "cut-text", title: nowText(run)}, nowOf(run))), h("td", {class: "soft"}, ago(run.started_at ?? run.created_at)), h("td", {class: "end"}, isDelayed(run) ? "–" : duration(span.queued + span.rest)));
})));
