// The preview of a bulk action: what it will do to how many, what it cannot do and why; the button repeats the number.

import {open} from "../components/dialog.js";
import {stateIcon} from "../components/icons.js";
import {problemToast} from "../components/toasts.js";
import {api} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {count, number} from "../lib/format.js";
import {many} from "./act.js";
import {WORDS} from "./verbs.js";

const CAREFUL = 100;
const LIMIT = 100_000;

/**
 * Shows the preview and begins the action; true when it has begun.
 * @param {{action: import("./verbs.js").Verb, filter?: any, ids?: string[], states?: string[]}} given
 */
export async function bulkDialog({action, filter, ids, states = []}) {
  const words = WORDS[action];
  const which = ids ? {ids} : {filter};
  /** @type {any} */
  let plan;
  try {
    plan = await api.post("/bulk/preview", {action, ...which});
  } catch (error) {
    problemToast(error, "Not counted.");
    return false;
  }
  const hit = Math.min(plan.allowed, LIMIT);
  const kinds = Object.keys(plan.by_status);
  const kind = kinds.length === 1 ? `${kinds[0]} ` : states.length === 1 ? `${states[0]} ` : "";
  const title = plan.allowed ? `${words.label} ${number(plan.matched)} ${kind}${plan.matched === 1 ? "run" : "runs"}?` : `None of ${count(plan.matched, "run")} can be ${words.done.toLowerCase()}`;
  const typed = action === "terminate" && hit > CAREFUL ? String(hit) : null;
  const lines = [
    h("div", {}, h("dt", {}, `will ${action}`), h("dd", {}, h("strong", {}, number(hit)), h("span", {class: "plan-states"}, kinds.filter((status) => !refuses(plan, status)).map((status) => h("span", {class: "state"}, stateIcon(status, 14, {label: status}), number(plan.by_status[status])))))),
    ...plan.refused.map((/** @type {any} */ each) => h("div", {}, h("dt", {}, `cannot ${action}`), h("dd", {}, h("strong", {}, number(each.count)), h("span", {class: "quiet"}, each.why.split(":")[0])))),
  ];
  const sure = await open({title, kind: "plan", build: (close) => {
    const field = typed ? h("input", {class: "input mono", autocomplete: "off", inputmode: "numeric", "aria-label": `Type ${typed}`}) : null;
    const note = h("p", {class: "dialog-note", role: "alert"});
    const act = h("button", {type: "submit", class: action === "terminate" ? "button danger-fill" : "button primary"}, `${words.label} ${count(hit, "run")}`);
    return [h("form", {method: "dialog", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      if (field && field.value.replaceAll(",", "") !== typed) {
        note.textContent = `Type ${typed} to go on.`;
        field.focus();
      } else close(true);
    }}, h("div", {class: "dialog-body"}, h("p", {}, words.consequence), h("dl", {class: "plan-lines"}, lines), field ? h("label", {class: "dialog-typed"}, "Type ", h("code", {}, typed), " to go on.", field) : null, note),
    h("div", {class: "dialog-foot"}, h("button", {type: "button", class: "button", "data-safe": true, onclick: () => close()}, plan.allowed ? "Keep as is" : "Close"), plan.allowed ? act : null))];
  }});
  if (sure !== true) return false;
  return (await many(action, {...which, expect: plan.matched})) !== null;
}

/** @param {any} plan @param {string} status */
const refuses = (plan, status) => plan.refused.some((/** @type {any} */ each) => each.why.startsWith(`${status}:`));
