// The page of one run, put together: header, facts, sentence, tabs, timeline, inspector.

import {runActions} from "./actions.js";
import {childrenTab} from "./children.js";
import {codeTab} from "./code.js";
import {eventsPanel} from "./eventspanel.js";
import {factsBar, idWithCopy, nowBar} from "./facts.js";
import {failedCall, failurePanel} from "./failure.js";
import {inspector} from "./inspector.js";
import {ioTab} from "./io.js";
import {journalTab} from "./journal.js";
import {logsPreview, logsTab} from "./logs.js";
import {edge} from "./pane.js";
import {parkedBlock} from "./parked.js";
import {causeOf, listed} from "./same.js";
import {retryAll} from "./samecause.js";
import {hasEnded} from "./store.js";
import {tabBar} from "./tabbar.js";
import {markTab} from "./tabicon.js";
import {timeline} from "./timeline.js";
import {icon, stateBadge} from "../components/icons.js";
import {problemToast} from "../components/toasts.js";
import {h, say} from "../lib/dom.js";
import {recall, remember} from "../lib/store.js";

/** @typedef {import("./store.js").RunStore} RunStore */
/** @typedef {import("./layout.js").Node} Node */
/** @typedef {{element: HTMLElement, tell: () => void}} Pane */

const narrow = matchMedia("(max-width: 1023px)");
const phone = matchMedia("(max-width: 767px)");

/**
 * @param {RunStore} store
 * @param {{api: any, can: (scope: string) => boolean, announce: (text: string) => void, address: (changes: Record<string, string|null>) => void, query: URLSearchParams, url: (path: string) => string, back: () => void}} around
 */
export function runView(store, around) {
  /** @type {Node|null} */
  let chosen = null;
  /** @type {Node|null} */
  let root = null;
  let status = store.detail.status;
  const hooks = {
    select: (/** @type {string} */ id) => reach(id),
    value: (/** @type {number} */ seq, /** @type {string|undefined} */ run) => around.api.get(valuePath(seq, run)),
    valueUrl: (/** @type {number} */ seq, /** @type {string|undefined} */ run) => around.url(valuePath(seq, run)),
    retryAll: around.can("operate") ? (/** @type {import("./same.js").Cause} */ cause) => void retryAll(around.api, cause) : null,
  };
  /** @param {number} seq @param {string|undefined} run a child's id when the call is not of this run */
  const valuePath = (seq, run) => `${run ? `/runs/${encodeURIComponent(run)}` : store.path}/calls/${seq}/value`;
  const side = inspector(hooks);
  const lines = timeline({onSelect: (node, opened) => {
    chosen = node;
    let at = node;
    while (at.parent) at = at.parent;
    root = at;
    inspect();
    if (opened) { around.address({step: node.id || null}); openPane(true); }
  }, onExpand: (call) => void store.expand(call).catch((error) => problemToast(error, "The child run could not be read."))});
  const facts = factsBar(store);
  const sentence = nowBar(store, () => (store.detail.error ? same(store.detail.error) : null));
  const parked = parkedBlock(store, () => actions.helpers());
  const failure = failurePanel(store);
  const events = eventsPanel(store, around);
  const logs = logsPreview(store, {select: (call) => reach(call), all: () => tabs.choose("logs")});
  const actions = runActions(store, {...around, sendEvent: () => { tabs.choose(phone.matches ? "events" : "timeline"); events.focus(); }, failedStep: () => failedCall(store)?.name ?? null, explained: () => !parked.element.hidden, narrow: () => phone.matches});

  /** @param {any} error */
  function same(error) {
    const cause = causeOf(store.causes, error, store.detail.workflow);
    return cause && cause.count > 1 ? {cause, count: cause.count, to: listed(cause)} : null;
  }

  function inspect() {
    if (!chosen || !root) return;
    side.show(chosen, {detail: store.detail, root, schema: store.workflow?.input_schema ?? null, output: store.workflow?.output_schema ?? null, same, told: failure.element.hidden || narrow.matches ? null : failedCall(store)?.id ?? null});
    say(stepName, chosen.name);
  }

  /** @param {string} id shows a step by its identity, wherever it is */
  function reach(id) {
    tabs.choose("timeline");
    lines.reach(id);
  }

  const main = h("div", {class: "pane-timeline"}, lines.element, failure.element, events.element, logs.element);
  /** @type {Map<string, Pane>} */
  const panes = new Map();
  /** @type {Record<string, () => Pane>} */
  const made = {
    journal: () => journalTab(store, around),
    io: () => ioTab(store, hooks),
    logs: () => logsTab(store, {api: around.api, select: (call) => reach(call)}),
    children: () => childrenTab(store, around),
    code: () => codeTab(store, around),
  };
  const content = h("div", {class: "run-content", id: "run-content", role: "tabpanel", tabindex: "-1"});
  const tabs = tabBar({
    controls: content,
    first: around.query.get("tab") ?? "timeline",
    entries: [
      {id: "timeline", label: "Timeline"}, {id: "events", label: "Events", only: "phone", count: () => store.events.waiting.length + store.events.received.length},
      {id: "journal", label: "Journal", count: () => store.detail.counts?.entries}, {id: "io", label: "Input and result", short: "Input"},
      {id: "logs", label: "Logs", count: () => store.detail.counts?.logs}, {id: "children", label: "Children", count: () => store.detail.counts?.children, hidden: () => !store.detail.counts?.children},
      {id: "code", label: "Code"},
    ],
    beside: lines.foldBox,
    onChoose: (id) => {
      around.address({tab: id === "timeline" ? null : id});
      lines.foldBox.classList.toggle("gone", id !== "timeline");
      element.dataset.tab = id;
      if (id === "timeline" || id === "events") {
        main.dataset.show = id;
        content.replaceChildren(main);
        return;
      }
      let pane = panes.get(id);
      if (!pane) { pane = made[id](); panes.set(id, pane); }
      pane.tell();
      content.replaceChildren(pane.element);
    },
  });

  const badge = h("span", {class: "run-badge"});
  const generations = h("span", {class: "run-generations"});
  const stepName = h("bdi", {class: "step-name", dir: "auto"});
  const aside = h("aside", {class: "insp", "aria-label": "Step"},
    h("div", {class: "step-head"}, h("button", {type: "button", class: "icon-button", "aria-label": "Back to the timeline", onclick: () => openPane(false)}, icon("chevron-left")), h("div", {}, stepName, h("span", {class: "quiet"}, "in ", h("bdi", {}, store.detail.workflow), ", ", h("bdi", {}, store.id)))),
    side.element,
    h("div", {class: "step-foot"}, h("button", {type: "button", class: "button", onclick: () => lines.step(-1)}, "Previous step"), h("button", {type: "button", class: "button", onclick: () => lines.step(1)}, "Next step")));
  const element = h("div", {class: "run"});
  const handle = edge({label: "Width of the inspector", store: "inspector", first: window.innerWidth < 1280 ? 360 : 400, least: 320, most: 640, side: "right", apply: (width) => element.style.setProperty("--insp", `${width}px`)});
  const shade = h("div", {class: "insp-shade", onclick: () => openPane(false)});
  const treeEdge = edge({label: "Width of the tree", store: "tree", first: 260, least: 180, most: 420, side: "left", apply: (width) => { element.style.setProperty("--tree", `${width}px`); lines.measured(); }});
  treeEdge.classList.add("edge-tree");
  lines.element.append(treeEdge);
  element.append(
    h("header", {class: "run-head"}, h("button", {type: "button", class: "icon-button run-back", "aria-label": "Back to the runs", onclick: around.back}, icon("chevron-left")),
      h("div", {class: "run-title"}, h("h1", {}, h("bdi", {dir: "auto"}, store.detail.workflow)), idWithCopy(store.id)), badge, generations, actions.bar),
    facts.element, sentence.element, parked.element,
    h("div", {class: "run-main"}, h("div", {class: "run-left"}, tabs.element, content), handle, shade, aside),
    actions.foot);
  element.classList.toggle("insp-closed", recall("inspector.closed", false) || narrow.matches);

  /** @param {boolean} open */
  function openPane(open) {
    if (open && !narrow.matches) return;
    element.classList.toggle("insp-open", open);
    if (open) side.element.scrollTop = 0;
    else { around.address({step: null}); lines.focus(); }
  }

  function toggleInspector() {
    if (narrow.matches) return openPane(!element.classList.contains("insp-open"));
    const closed = element.classList.toggle("insp-closed");
    remember("inspector.closed", closed);
  }

  function tellGenerations() {
    if (store.generations < 2 || generations.childElementCount === store.generations) return;
    const select = /** @type {HTMLSelectElement} */ (h("select", {class: "input", "aria-label": "Generation", onchange: async () => { await store.showGeneration(Number(select.value)); panes.delete("journal"); }},
      ...Array.from({length: store.generations}, (_, index) => h("option", {value: String(index + 1)}, `generation ${index + 1}`))));
    select.value = String(store.generation || store.generations);
    generations.replaceChildren(h("span", {class: "select"}, select));
  }

  /** @param {Set<string>} parts */
  function tell(parts) {
    const {detail} = store;
    if (detail.status !== status) {
      around.announce(`${store.id} ${detail.status}${detail.summary?.text ? `. ${detail.summary.text}` : ""}`);
      status = detail.status;
    }
    const label = detail.cancelling && !hasEnded(detail.status) ? "cancelling" : detail.status;
    if (badge.dataset.is !== label) {
      badge.dataset.is = label;
      badge.replaceChildren(stateBadge(detail.status, label === "cancelling" ? "Cancelling" : undefined));
    }
    tellGenerations();
    facts.tell();
    sentence.tell();
    parked.tell();
    actions.tell();
    markTab(detail.status === "failed");
    if (parts.has("run") || parts.has("calls")) lines.update(detail, store.shownCalls());
    failure.tell();
    events.tell();
    logs.tell();
    inspect();
    tabs.tell();
    for (const [id, pane] of panes) if (id === tabs.chosen()) pane.tell();
  }

  store.listen(tell);
  tabs.choose(tabs.chosen());
  const asked = around.query.get("step");
  const failing = store.detail.error ? failedCall(store)?.id : undefined;
  if (asked || failing) lines.want(asked || failing || "", Boolean(asked));
  tell(new Set(["run", "calls"]));

  return {
    element,
    keys: () => [...actions.keys(), ...tabs.keys(), ...lines.keys(), {keys: "]", does: "inspector", run: toggleInspector},
      {keys: "Escape", does: "close", run: () => { if (element.classList.contains("insp-open")) openPane(false); }}],
    stop() {
      store.close();
      facts.stop();
      lines.stop();
      markTab(false);
    },
  };
}
