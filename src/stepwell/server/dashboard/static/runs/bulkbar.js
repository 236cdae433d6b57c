// The line over the list: the count and the order; with a selection, what can be done with it. It never changes its height.

import {icon} from "../components/icons.js";
import {h} from "../lib/dom.js";
import {count, number} from "../lib/format.js";
import {session} from "../lib/api.js";
import {many} from "./act.js";
import {bulkDialog} from "./bulkdialog.js";
import {asked} from "./filter.js";
import {VERBS, WORDS, isAllowed, labelOf} from "./verbs.js";

/** @typedef {import("./verbs.js").Verb} Verb */

const MOST_BUTTONS = 4;

/**
 * @param {{selected: ReturnType<typeof import("./selection.js").selection>, list: any, onExport: () => void}} around
 */
export function bulkBar({selected, list, onExport}) {
  const box = h("input", {type: "checkbox", class: "check", "aria-label": "Select all shown", onclick: () => (selected.isEmpty() ? selected.page() : selected.clear())});
  const words = h("span", {class: "bulk-words"});
  const more = h("button", {type: "button", class: "link", hidden: true, onclick: () => selected.everything()});
  const actions = h("span", {class: "bulk-actions"});
  const bar = h("div", {class: "bulkbar", role: "toolbar", "aria-label": "Selected runs"}, h("label", {class: "check-room"}, box), words, more, actions);
  let shown = "";

  /** @param {Verb} verb */
  async function act(verb) {
    if (selected.all) {
      if (await bulkDialog({action: verb, filter: asked(list.filter), states: list.filter.state})) selected.clear();
      return;
    }
    const runs = selected.runs();
    const able = runs.filter((run) => isAllowed(verb, run.status));
    const ids = (WORDS[verb].asks ? runs : able).map((run) => run.id);
    if (WORDS[verb].asks ? await bulkDialog({action: verb, ids}) : await many(verb, {ids})) selected.clear();
  }

  /** @param {Verb[]} verbs @param {any[]} runs */
  function buttons(verbs, runs) {
    return verbs.slice(0, MOST_BUTTONS).map((verb) => {
      const able = selected.all ? runs.length : runs.filter((run) => isAllowed(verb, run.status)).length;
      const partly = !selected.all && able < runs.length;
      const dots = selected.all || WORDS[verb].asks;
      const label = partly ? `${WORDS[verb].label} ${able} of ${runs.length}${dots ? "…" : ""}` : labelOf(verb, dots);
      return h("button", {type: "button", class: `button small${verb === "terminate" ? " danger" : ""}`, onclick: () => void act(verb)}, WORDS[verb].icon ? icon(/** @type {string} */ (WORDS[verb].icon)) : null, label);
    });
  }

  function verbs() {
    if (!session.can("operate")) return [];
    const states = selected.all ? (list.filter.state.length ? list.filter.state : [...new Set(list.rows.map((/** @type {any} */ run) => run.status))]) : selected.runs().map((run) => run.status);
    return VERBS.filter((verb) => states.some((/** @type {string} */ status) => isAllowed(verb, status)));
  }

  return {
    element: bar,
    /** @param {Verb} verb */
    act,
    verbs,
    tell() {
      const total = list.total;
      const runs = selected.all ? list.rows : selected.runs();
      const n = selected.all ? total ?? list.rows.length : runs.length;
      const empty = selected.isEmpty();
      box.checked = selected.all || (n > 0 && n === list.rows.length);
      box.indeterminate = !box.checked && n > 0;
      const left = total !== null && total > runs.length && !selected.all && !empty;
      const states = list.filter.state.length === 1 ? ` ${list.filter.state[0]}` : "";
      const signature = JSON.stringify([n, total, empty, selected.all, runs.map((/** @type {any} */ run) => run.status), left, list.filter]);
      if (signature === shown) return;
      shown = signature;
      bar.classList.toggle("is-on", !empty);
      words.replaceChildren(...(empty ? [h("span", {class: "soft"}, total === null ? "…" : `${count(total, "run")}, newest first`)] : [h("strong", {}, `${number(n)} selected`)]));
      more.hidden = !left;
      more.textContent = left ? `Select all ${number(total ?? 0)}${states} that match` : "";
      actions.replaceChildren(...(empty ? [] : [...buttons(verbs(), runs), h("button", {type: "button", class: "button small", onclick: onExport}, "Export"), h("button", {type: "button", class: "button small bare", onclick: () => selected.clear()}, "Clear", h("kbd", {"aria-hidden": "true"}, "esc"))]));
    },
  };
}
