// The events of a run: what it waits for, what came, what it would undo; and the form to send one.

import {clockTime, dayTime} from "../lib/format.js";
import {stamp} from "./layout.js";
import {toFix} from "../components/schemaform.js";
import {icon, stateIcon} from "../components/icons.js";
import {entry, foundIn} from "../start/entry.js";
import {problemToast, toast} from "../components/toasts.js";
import {h} from "../lib/dom.js";

/** @typedef {import("./store.js").RunStore} RunStore */

/**
 * @param {RunStore} store
 * @param {{api: any, can: (scope: string) => boolean}} around
 */
export function eventsPanel(store, around) {
  const list = h("ul", {class: "ev-list"});
  const count = h("span", {class: "quiet"});
  const right = h("div", {class: "ev-send"});
  const element = h("section", {class: "ev", "aria-label": "Events"}, h("div", {class: "ev-known"}, h("h2", {}, "Events ", count), list), right);
  /** @type {ReturnType<typeof sendForm>|null} */
  let form = null;
  let shown = "";
  let chosen = "";

  function tell() {
    const {waiting, received} = store.events;
    const live = !["succeeded", "failed", "cancelled", "terminated"].includes(store.detail.status);
    element.hidden = !waiting.length && !received.length;
    const signature = JSON.stringify([waiting.map((each) => [each.call, each.until]), received.length, live, chosen]);
    if (signature === shown) return;
    shown = signature;
    count.textContent = String(waiting.length + received.length);
    const open = live ? waiting : [];
    if (!open.some((each) => each.call === chosen)) chosen = open[0]?.call ?? "";
    list.replaceChildren(...open.map((each) => waitingRow(each, open.length > 1)), ...[...received].reverse().slice(0, 50).map(receivedRow));
    const target = open.find((each) => each.call === chosen);
    right.hidden = !target || !around.can("execute");
    element.classList.toggle("ev-alone", right.hidden);
    if (!target || right.hidden) { form = null; right.replaceChildren(); }
    else if (form?.of !== target.call) {
      form = sendForm(target, store, around);
      right.replaceChildren(form.element);
    }
  }

  /** @param {any} wait @param {boolean} many */
  function waitingRow(wait, many) {
    const until = stamp(wait.until);
    return h("li", {}, stateIcon("waiting", 16), h("div", {class: "ev-text"},
      h("p", {}, h("bdi", {class: "ev-name"}, wait.event), " ", wait.key ? ["key ", h("bdi", {class: "mono"}, wait.key)] : h("span", {class: "quiet"}, "to this run")),
      h("p", {class: "quiet"}, `waiting since ${clockTime(stamp(wait.since) ?? 0)}${until === null ? "" : `, times out ${dayTime(until)}`}`)),
    around.can("execute") ? (many ? h("button", {type: "button", class: "link end", "aria-pressed": String(chosen === wait.call), onclick: () => { chosen = wait.call; tell(); form?.focus(); }}, chosen === wait.call ? "form at right" : "Send…") : h("span", {class: "quiet end ev-hint"}, "form at right")) : null);
  }

  /** @param {any} came */
  const receivedRow = (came) => h("li", {}, stateIcon("succeeded", 16), h("div", {class: "ev-text"},
    h("p", {}, h("bdi", {class: "ev-name"}, came.event), " ", came.key ? ["key ", h("bdi", {class: "mono"}, came.key)] : h("span", {class: "quiet"}, "to this run")),
    h("p", {class: "quiet ev-value"}, came.id ? ["id ", h("bdi", {class: "mono"}, came.id), ", "] : null, h("bdi", {class: "mono", dir: "auto"}, short(came.value)))),
  h("time", {class: "quiet end", datetime: came.at, title: came.at}, clockTime(stamp(came.at) ?? 0)));

  return {element, tell, focus: () => form?.focus()};
}

/** @param {any} value */
const short = (value) => {
  const text = JSON.stringify(value) ?? "no payload";
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
};

/**
 * The form for one awaited event: from its schema, or as JSON.
 * @param {any} wait
 * @param {RunStore} store
 * @param {{api: any}} around
 */
function sendForm(wait, store, around) {
  const note = h("span", {class: "quiet"});
  const quiet = () => { note.className = "quiet"; note.textContent = "delivered once, kept if the wait has ended"; };
  /** @param {string} text */
  const complain = (text) => { note.className = "form-wrong"; note.replaceChildren(icon("failed"), h("bdi", {}, text)); };
  const values = entry(wait.schema, {label: `Payload of ${wait.event}`, rows: 5, onChange: quiet, onRefuse: complain});
  quiet();
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const wrong = values.complain();
    if (wrong) return complain(wrong);
    const payload = values.value();
    try {
      await around.api.post(wait.key ? "/events" : `${store.path}/events`, {event: wait.event, ...(wait.key ? {key: wait.key} : {}), ...(payload === undefined ? {} : {payload})});
      toast(`Sent ${wait.event}`);
      note.className = "quiet";
      note.textContent = "Sent.";
    } catch (error) {
      const errors = foundIn(/** @type {any} */ (error).errors ?? [], "payload");
      if (errors.length) { values.tell(errors); complain(toFix(errors, wait.schema)); }
      else problemToast(error, "Not sent.");
    }
  };
  const element = h("form", {class: "ev-form", novalidate: true, onsubmit: submit, onkeydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void submit(event); }},
    h("div", {class: "ev-head"}, h("h2", {}, "Send ", h("bdi", {}, wait.event)), values.modes), values.element,
    h("div", {class: "ev-foot"}, h("button", {type: "submit", class: "button primary"}, "Send"), note));
  return {element, of: wait.call, focus: () => {
    element.scrollIntoView({block: "nearest"});
    /** @type {HTMLElement|null} */ (values.element.querySelector("input, textarea, select, [tabindex='0'], button"))?.focus();
  }};
}
