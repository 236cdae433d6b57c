// Starting a run: a form from the input's schema, and beside it exactly what will be sent and what will happen.

import {beforePanel} from "../start/before.js";
import {entry} from "../start/entry.js";
import {schemaTree} from "../start/schematree.js";
import {sentPanel} from "../start/sent.js";
import {cli, curl, python} from "../start/snippets.js";
import {icon} from "../components/icons.js";
import {nameText} from "../components/names.js";
import {toast} from "../components/toasts.js";
import {api, session} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {shortId} from "../lib/format.js";
import {go, link} from "../lib/router.js";

/**
 * @param {{params: Record<string, string>, query: URLSearchParams}} place
 */
export function startPage({params, query}) {
  const element = h("div", {class: "start"});
  /** @type {{stop: () => void, submit: () => void}|null} */
  let form = null;
  let gone = false;
  void (async () => {
    try {
      const {workflows} = await api.get("/workflows");
      if (gone) return;
      const name = params.workflow || (workflows.length === 1 ? workflows[0].name : "");
      const workflow = workflows.find((/** @type {any} */ each) => each.name === name);
      if (!workflow) return element.replaceChildren(chooser(workflows, name));
      form = startForm(workflow, workflows, query.get("from"), element);
    } catch (error) {
      if (!gone) element.replaceChildren(h("p", {class: "start-refusal", role: "alert"}, `The workflows could not be read: ${/** @type {Error} */ (error).message}`));
    }
  })();
  return {element, title: params.workflow ? `Start ${params.workflow}` : "Start run", keys: () => [], stop() { gone = true; form?.stop(); }};
}

/** @param {any[]} workflows @param {string} missing */
function chooser(workflows, missing) {
  const steps = workflows.filter((each) => each.kind === "step");
  return h("div", {class: "start-choose"}, h("h1", {}, "Start run"),
    missing ? h("p", {class: "form-wrong"}, icon("failed"), "No workflow is called ", h("bdi", {class: "mono"}, missing), ".") : null,
    workflows.length ? [choices(workflows.filter((each) => each.kind !== "step"), "workflow"), ...(steps.length ? [h("h2", {class: "start-steps"}, "Steps, as runs of their own"), choices(steps, "step")] : [])]
      : h("p", {class: "quiet"}, "No workflow is known yet. Start a worker: stepwell dev app.py"));
}

/** @param {any[]} list @param {string} sign */
const choices = (list, sign) => (list.length ? h("ul", {class: "start-list"}, ...list.map((each) => h("li", {}, link(`/start/${encodeURIComponent(each.name)}`, icon(sign), nameText(each.name, "start-name"), each.doc ? h("bdi", {class: "quiet", dir: "auto"}, each.doc.split("\n")[0]) : null)))) : null);

/** @param {any[]} workflows of one kind, as choices under its name @param {string} label */
const group = (workflows, label) => (workflows.length ? h("optgroup", {label}, ...workflows.map((each) => h("option", {value: each.name}, each.name))) : null);

/** @param {any} workflow @param {any[]} workflows @param {string|null} from @param {HTMLElement} element */
function startForm(workflow, workflows, from, element) {
  const schema = workflow.input_schema;
  const note = h("span", {class: "start-note", role: "status"});
  const quiet = () => note.replaceChildren();
  /** @param {any[]} content */
  const complain = (...content) => note.replaceChildren(h("span", {class: "form-wrong"}, icon("failed"), h("span", {}, ...content)));
  const options = optionFields(workflow, () => { changed(); });
  const values = entry(schema, {label: "Input", value: schema ? undefined : {}, onChange: () => { quiet(); changed(); }, onRefuse: (text) => complain(text)});
  const start = () => ({workflow: workflow.name, input: values.value() ?? {}, options: options.value(), address: new URL(api.url(""), location.href).href.replace(/\/$/, "")});
  const sent = sentPanel(() => { const now = start(); return {python: python(now), curl: curl(now), cli: cli(now)}; });
  const before = beforePanel(workflow, {api});

  function changed() {
    const given = options.value();
    before.checkId(given.id ?? "");
    before.setQueue(given.queue ?? "");
    sent.mark(values.problems().map((each) => each.path));
  }

  async function submit() {
    const text = values.complain();
    const wrong = options.problem();
    if (text || wrong) return complain(text || wrong);
    button.classList.add("busy");
    const {workflow: name, input, options: more} = start();
    try {
      const run = await api.post("/runs", {workflow: name, input, ...more});
      toast(`Started ${shortId(run.id)}`);
      go(`/runs/${encodeURIComponent(run.id)}`);
    } catch (error) {
      refused(/** @type {any} */ (error), more.id);
    }
    button.classList.remove("busy");
  }

  /** @param {any} error @param {string|undefined} id */
  function refused(error, id) {
    if (Array.isArray(error.errors) && error.errors.length) {
      values.tell(error.errors);
      return complain(`${error.errors.length === 1 ? "1 field" : `${error.errors.length} fields`} to fix: ${error.errors.map((/** @type {any} */ each) => each.path).join(", ")}`);
    }
    const parts = [error.message, error.code ? [" ", h("span", {class: "mono quiet"}, error.code)] : null];
    if (error.status === 409 && id) parts.push(" ", link(`/runs/${encodeURIComponent(id)}`, "Open that run"));
    complain(...parts);
  }

  /** @param {string|null} id the last run of the workflow when none is given */
  async function fill(id) {
    try {
      const found = id ?? (await api.get(`/runs?workflow=${encodeURIComponent(workflow.name)}&limit=1`)).runs[0]?.id;
      if (!found) return complain("There is no run of it yet.");
      const run = await api.get(`/runs/${encodeURIComponent(found)}`);
      values.set(named(run.input, schema));
      quiet();
    } catch (error) {
      complain(`The input could not be read: ${/** @type {Error} */ (error).message}`);
    }
  }

  const picker = /** @type {HTMLSelectElement} */ (h("select", {class: "input start-picker", "aria-label": "Workflow", onchange: () => go(`/start/${encodeURIComponent(picker.value)}`)}, group(workflows.filter((each) => each.kind !== "step"), "Workflows"), group(workflows.filter((each) => each.kind === "step"), "Steps")));
  picker.value = workflow.name;
  const allowed = session.can("execute");
  const button = h("button", {type: "submit", class: "button primary"}, "Start run");
  const left = h("form", {class: "start-left", novalidate: true, onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); void submit(); }, onkeydown: (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey)) return;
    event.preventDefault();
    void submit();
  }},
  h("div", {class: "start-body"},
    h("header", {class: "start-head"}, h("h1", {}, "Start"), h("span", {class: "select start-select"}, icon(workflow.kind === "step" ? "step" : "workflow"), picker, icon("chevron-down")), workflow.code ? h("bdi", {class: "mono quiet"}, workflow.code.slice(0, 12)) : null, h("span", {class: "bar-end"}, values.modes)),
    workflow.doc ? h("p", {class: "start-doc"}, h("bdi", {dir: "auto"}, workflow.doc)) : null,
    schema ? null : h("p", {class: "quiet"}, "Its schema is not known here: the code is not on this server. The worker checks the input."),
    values.element, h("h2", {class: "start-options"}, "Options"), options.element),
  h("footer", {class: "start-foot"}, allowed ? button : h("span", {class: "quiet"}, "This key cannot start runs. It needs scope execute."), note,
    h("span", {class: "bar-end"}, h("button", {type: "button", class: "button plain", onclick: () => void fill(null)}, icon("copy"), "Fill from last run"), h("span", {class: "start-keys quiet"}, h("kbd", {}, /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl"), h("kbd", {}, "↵"), " start"))));
  element.replaceChildren(left, h("aside", {class: "start-right", "aria-label": "What will be sent"}, sent.element, before.element,
    schema ? h("section", {class: "schema-panel"}, h("h2", {}, "Schema"), schemaTree(schema)) : null));
  changed();
  if (from) void fill(from);
  return {stop: before.stop, submit};
}

/**
 * The recorded input as an object of the arguments by name.
 * @param {any} input
 * @param {any} schema
 */
export function named(input, schema) {
  const names = Object.keys(schema?.properties ?? {});
  if (!names.length) return input;
  const isObject = input !== null && typeof input === "object" && !Array.isArray(input);
  if (isObject && Object.keys(input).every((name) => names.includes(name))) return structuredClone(input);
  if (Array.isArray(input) && !(names.length === 1 && schema.properties[names[0]]?.type === "array")) return Object.fromEntries(input.map((each, index) => [names[index] ?? String(index), each]));
  return {[names[0]]: structuredClone(input)};
}

const DELAY = /^\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w)?(?:\s*\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w))*$/i;

/** @param {any} workflow @param {() => void} changed */
function optionFields(workflow, changed) {
  /** @param {string} label @param {string} words @param {Record<string, any>} more */
  const field = (label, words, more) => {
    const message = h("p", {class: "form-error"});
    const input = /** @type {HTMLInputElement} */ (h("input", {class: "input", autocomplete: "off", spellcheck: "false", ...more, oninput: () => { box.classList.remove("wrong"); message.replaceChildren(); changed(); }}));
    const box = h("label", {class: "form-field"}, h("span", {}, h("span", {class: "form-name"}, label), " ", h("span", {class: "form-words"}, words)), input, message);
    /** @param {string} text */
    const wrong = (text) => {
      box.classList.add("wrong");
      message.replaceChildren(icon("failed"), text);
      input.focus();
      return `${label}: ${text}`;
    };
    return {box, input, wrong};
  };
  const id = field("Run id", "makes the start idempotent", {class: "input mono", placeholder: "made for you", dir: "auto"});
  const delay = field("Delay", "30s, 10m or 2h", {placeholder: "start now"});
  const queue = field("Queue", "its own unless given", {placeholder: workflow.queue, list: "start-queues"});
  const priority = field("Priority", "lower first", {placeholder: "100", inputmode: "numeric"});
  const tags = field("Tags", "name=value, with commas between", {class: "input mono", placeholder: "region=eu, tier=gold", dir: "auto"});
  tags.box.classList.add("form-wide");
  const seconds = (/** @type {string} */ text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : text.replace(/\s+/g, ""));
  const pairs = () => tags.input.value.split(",").map((each) => each.trim()).filter(Boolean);
  return {
    element: h("div", {class: "form"}, id.box, delay.box, queue.box, priority.box, tags.box),
    value() {
      /** @type {Record<string, any>} */
      const given = {};
      if (id.input.value.trim()) given.id = id.input.value.trim();
      if (queue.input.value.trim()) given.queue = queue.input.value.trim();
      if (/^-?\d+$/.test(priority.input.value.trim())) given.priority = Number(priority.input.value);
      if (delay.input.value.trim()) given.delay = seconds(delay.input.value.trim());
      if (pairs().length) given.tags = Object.fromEntries(pairs().map((each) => { const [name, ...rest] = each.split("="); return [name.trim(), typed(rest.join("=").trim())]; }));
      return given;
    },
    problem() {
      if (delay.input.value.trim() && !DELAY.test(delay.input.value.trim())) return delay.wrong("Must be a length of time like 10m or 2h.");
      if (priority.input.value.trim() && !/^-?\d+$/.test(priority.input.value.trim())) return priority.wrong("Must be a whole number.");
      if (pairs().some((each) => !/^[^=]+=/.test(each))) return tags.wrong("Must be name=value, with commas between.");
      return "";
    },
  };
}

/** @param {string} text a number or truth value as such, all else as text */
function typed(text) {
  return /^(?:-?\d+(?:\.\d+)?|true|false)$/.test(text) ? JSON.parse(text) : text;
}
