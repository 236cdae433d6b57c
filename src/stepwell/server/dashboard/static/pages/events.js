// Sending events: published to all, to a key, or to one run.

import {entry, foundIn} from "../start/entry.js";
import {sentPanel} from "../start/sent.js";
import {sending} from "../start/snippets.js";
import {icon, stateIcon} from "../components/icons.js";
import {segmented} from "../components/tabs.js";
import {api, session} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {clockTime} from "../lib/format.js";
import {link} from "../lib/router.js";
import {serverNow} from "../lib/servertime.js";

/** @typedef {"publish"|"key"|"run"} Way */

const WAYS = /** @type {Record<Way, string>} */ ({publish: "Publish", key: "To a key", run: "To a run"});

/**
 * @param {{params: Record<string, string>, query: URLSearchParams}} place
 */
export function eventsPage({query}) {
  const element = h("div", {class: "start events"});
  let gone = false;
  void (async () => {
    try {
      const [types, {workflows}] = await Promise.all([api.get("/event-types"), api.get("/workflows")]);
      if (!gone) element.replaceChildren(...sendPage(types.events, workflows, query));
    } catch (error) {
      if (!gone) element.replaceChildren(h("p", {class: "start-refusal", role: "alert"}, `The events could not be read: ${/** @type {Error} */ (error).message}`));
    }
  })();
  return {element, title: "Events", keys: () => [], stop() { gone = true; }};
}

/** @param {{name: string, schema: any}[]} types @param {any[]} workflows @param {URLSearchParams} query */
function sendPage(types, workflows, query) {
  /** @type {Way} */
  let way = query.get("run") ? "run" : query.get("key") ? "key" : "publish";
  const note = h("span", {class: "start-note", role: "status"});
  /** @param {any[]} content */
  const complain = (...content) => note.replaceChildren(h("span", {class: "form-wrong"}, icon("failed"), h("span", {}, ...content)));
  const name = input("Event", "its name", {class: "input mono", list: "event-names", value: query.get("event") ?? types[0]?.name ?? "", placeholder: "payment.settled"}, () => { choose(); });
  const key = input("Key", "whichever run waits for this key, now or later", {class: "input mono", value: query.get("key") ?? ""}, changed);
  const run = input("Run id", "to this run's own mailbox", {class: "input mono", value: query.get("run") ?? ""}, changed);
  const id = input("Event id", "sent twice it counts once, optional", {class: "input mono"}, changed);
  const payload = h("div", {class: "events-payload"});
  const modes = h("span", {class: "bar-end"});
  const effect = h("div", {class: "before-id"});
  const recent = h("ul", {class: "events-recent"});
  const none = h("p", {class: "quiet"}, "None yet. What you send from this page is listed here.");
  /** @type {ReturnType<typeof entry>|null} */
  let values = null;
  let of = "";

  function choose() {
    const type = types.find((each) => each.name === name.value());
    const signature = type ? type.name : "?";
    if (signature !== of) {
      of = signature;
      values = entry(type?.schema ?? null, {label: "Payload", onChange: changed, onRefuse: (text) => complain(text)});
      modes.replaceChildren(...(values.modes ? [values.modes] : []));
      payload.replaceChildren(h("p", {class: "form-words"}, type ? (type.schema ? h("bdi", {}, type.schema.title ?? "") : "JSON; this event has no schema") : "JSON; no worker has declared this event"), values.element);
    }
    changed();
  }

  const target = () => ({event: name.value(), key: way === "key" ? key.value() : null, run: way === "run" ? run.value() : null, payload: values?.value(), id: id.value() || null});
  const sent = sentPanel(() => sending({...target(), address: new URL(api.url(""), location.href).href.replace(/\/$/, "")}));

  function changed() {
    note.replaceChildren();
    key.box.hidden = way !== "key";
    run.box.hidden = way !== "run";
    sent.mark([]);
    const listeners = workflows.filter((each) => each.on?.includes(name.value()));
    const waiters = workflows.filter((each) => each.waits_for?.includes(name.value()));
    /** @param {any[]} list */
    const names = (list) => list.flatMap((each, index) => [index ? ", " : "", link(`/workflows/${encodeURIComponent(each.name)}`, h("bdi", {}, each.name))]);
    if (way === "publish") effect.replaceChildren(icon("info"), h("p", {}, listeners.length ? [h("strong", {}, "Starts "), ...names(listeners), "."] : [h("strong", {}, "Starts nothing."), " No workflow is started by it."], " Runs that wait for it by a key are not told."));
    else effect.replaceChildren(icon("info"), h("p", {}, h("strong", {}, "Delivered once."), " Kept until a run takes it.", waiters.length ? [" Awaited in ", ...names(waiters), "."] : null));
  }

  async function submit() {
    const {event, key: to, run: one, payload: data, id: unique} = target();
    if (!event) { name.input.focus(); return complain("1 field to fix: event"); }
    if (way === "key" && !to) { key.input.focus(); return complain("1 field to fix: key"); }
    if (way === "run" && !one) { run.input.focus(); return complain("1 field to fix: run id"); }
    const wrong = values?.complain();
    if (wrong) return complain(wrong);
    const body = {event, ...(to ? {key: to} : {}), ...(data === undefined ? {} : {payload: data}), ...(unique ? {id: unique} : {})};
    try {
      const answer = await api.post(one ? `/runs/${encodeURIComponent(one)}/events` : "/events", body);
      tellSent(event, to, one, answer?.runs ?? []);
    } catch (error) {
      const problem = /** @type {any} */ (error);
      if (Array.isArray(problem.errors) && problem.errors.length) values?.tell(foundIn(problem.errors, "payload"));
      complain(problem.message, problem.code ? [" ", h("span", {class: "mono quiet"}, problem.code)] : null);
    }
  }

  /** @param {string} event @param {string|null} to @param {string|null} one @param {any[]} runs */
  function tellSent(event, to, one, runs) {
    note.replaceChildren(h("span", {class: "start-done"}, stateIcon("succeeded", 16), way === "publish" ? `Published. Started ${runs.length} ${runs.length === 1 ? "run" : "runs"}.` : "Sent."));
    none.remove();
    recent.prepend(h("li", {}, stateIcon("succeeded", 16), h("div", {}, h("p", {}, h("bdi", {class: "ev-name"}, event), " ", one ? ["to ", link(`/runs/${encodeURIComponent(one)}`, h("bdi", {class: "mono"}, one))] : to ? ["key ", h("bdi", {class: "mono"}, to)] : h("span", {class: "quiet"}, "published")),
      runs.length ? h("p", {class: "quiet"}, "started ", ...runs.slice(0, 10).flatMap((each, index) => [index ? ", " : "", link(`/runs/${encodeURIComponent(each.id)}`, h("bdi", {class: "mono"}, each.id))])) : null), h("time", {class: "quiet end"}, clockTime(serverNow()))));
    while (recent.children.length > 50) recent.lastElementChild?.remove();
  }

  const left = h("form", {class: "start-left", novalidate: true, onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); void submit(); }, onkeydown: (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey)) return;
    event.preventDefault();
    void submit();
  }},
  h("div", {class: "start-body"},
    h("header", {class: "start-head"}, h("h1", {}, "Send an event"), h("span", {class: "bar-end"}, segmented({label: "To whom", value: way, options: /** @type {any} */ (Object.entries(WAYS)), onChange: (/** @type {any} */ next) => { way = next; changed(); return true; }}))),
    h("div", {class: "form"}, name.box, key.box, run.box, id.box), h("datalist", {id: "event-names"}, ...types.map((each) => h("option", {value: each.name}))),
    h("div", {class: "bar events-head"}, h("h2", {}, "Payload"), modes), payload),
  h("footer", {class: "start-foot"}, session.can("execute") ? h("button", {type: "submit", class: "button primary"}, "Send") : h("span", {class: "quiet"}, "This key cannot send events. It needs scope execute."), note));
  choose();
  return [left, h("aside", {class: "start-right", "aria-label": "What will be sent"}, sent.element, h("section", {class: "before-panel"}, h("h2", {}, "What will happen"), effect),
    h("section", {class: "before-panel"}, h("h2", {}, "Sent from here"), recent, none))];
}

/** @param {string} label @param {string} words @param {Record<string, any>} more @param {() => void} changed */
function input(label, words, {value = "", ...more}, changed) {
  const element = /** @type {HTMLInputElement} */ (h("input", {class: "input", autocomplete: "off", spellcheck: "false", dir: "auto", ...more, oninput: changed}));
  element.value = value;
  return {input: element, box: h("label", {class: "form-field"}, h("span", {}, h("span", {class: "form-name"}, label), " ", h("span", {class: "form-words"}, words)), element), value: () => element.value.trim()};
}
