// The runs that a run has started.

import {now} from "./clock.js";
import {stamp} from "./layout.js";
import {stateIcon} from "../components/icons.js";
import {h, say} from "../lib/dom.js";
import {dayTime, duration} from "../lib/format.js";
import {link} from "../lib/router.js";
import {nowOf, nowText} from "../runs/row.js";

/** @typedef {import("./store.js").RunStore} RunStore */

/**
 * @param {RunStore} store
 * @param {{api: any}} around
 */
export function childrenTab(store, around) {
  const body = h("tbody");
  const more = h("button", {type: "button", class: "button small", onclick: () => void read()}, "More runs");
  const none = h("p", {class: "quiet"}, "None. Runs that a step of this run starts appear here.");
  const problem = h("p", {class: "form-wrong"});
  const element = h("div", {class: "tab-pane"}, h("table", {class: "table"},
    h("thead", {}, h("tr", {}, ...["State", "Run", "Workflow", "Now", "Started", "Duration"].map((name) => h("th", {scope: "col"}, name)))), body), none, problem, more);
  none.hidden = more.hidden = true;
  /** @type {string|null} */
  let after = null;
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map();

  /** @param {boolean} [again] reads the first page anew, for what has changed */
  async function read(again = false) {
    try {
      const page = await around.api.get(`${store.path}/children?limit=100${after && !again ? `&after=${encodeURIComponent(after)}` : ""}`);
      for (const run of page.runs) {
        const row = rowOf(run);
        const there = rows.get(run.key);
        if (there) there.replaceWith(row);
        else body.append(row);
        rows.set(run.key, row);
      }
      if (!again || rows.size <= page.runs.length) after = page.after;
      problem.textContent = "";
    } catch (error) {
      say(problem, `The children could not be read: ${/** @type {Error} */ (error).message}`);
    }
    more.hidden = after === null;
    none.hidden = rows.size > 0 || problem.textContent !== "";
  }
  void read();
  let known = "";
  return {
    element,
    tell() {
      const signature = JSON.stringify([store.detail.counts?.children, store.calls().flatMap((call) => (call.child ? [call.child.status] : []))]);
      if (known && signature !== known) void read(true);
      known = signature;
    },
  };
}

/** @param {any} run */
function rowOf(run) {
  const begun = stamp(run.started_at) ?? stamp(run.created_at) ?? 0;
  return h("tr", {}, h("td", {}, h("span", {class: "state"}, stateIcon(run.status, 16), capital(run.status))), h("td", {}, link(`/runs/${encodeURIComponent(run.id)}`, h("bdi", {class: "mono"}, run.id))), h("td", {}, h("bdi", {}, run.workflow)),
    h("td", {class: "quiet cut", title: nowText(run)}, nowOf({...run, parent: null})), h("td", {class: "quiet"}, dayTime(begun)), h("td", {class: "end"}, duration(((stamp(run.finished_at) ?? now()) - begun) / 1000)));
}

/** @param {string} word */
const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
