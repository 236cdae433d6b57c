// The journal of a run as it is stored: one entry a line, each opens to its data.

import {stamp} from "./layout.js";
import {jsonTree} from "../components/jsontree.js";
import {icon} from "../components/icons.js";
import {h, say} from "../lib/dom.js";
import {clockTime} from "../lib/format.js";

/** @typedef {import("./store.js").RunStore} RunStore */

const PAGE = 500;
const KNOWN = new Set(["generation", "seq", "k", "at"]);

/**
 * @param {RunStore} store
 * @param {{api: any}} around
 */
export function journalTab(store, around) {
  const body = h("tbody");
  const more = h("button", {type: "button", class: "button small", onclick: () => void read()}, "More entries");
  const none = h("p", {class: "quiet"}, "No entries yet.");
  const problem = h("p", {class: "form-wrong"});
  const element = h("div", {class: "tab-pane journal"},
    h("table", {class: "table"}, h("thead", {}, h("tr", {}, ...["Entry", "Time", "Kind", "What"].map((name) => h("th", {scope: "col"}, name)), h("th", {}))), body), none, problem, more);
  none.hidden = true;
  /** @type {number|null} */
  let after = null;
  let last = -1;
  let reading = false;

  async function read() {
    if (reading) return;
    reading = true;
    problem.textContent = "";
    try {
      const page = await around.api.get(`${store.path}/journal?generation=${store.generation}&limit=${PAGE}${last >= 0 ? `&after=${last}` : ""}`);
      for (const entry of page.entries) {
        if (entry.seq <= last) continue;
        last = entry.seq;
        body.append(...rowsOf(entry));
      }
      after = page.after;
    } catch (error) {
      say(problem, `The journal could not be read: ${/** @type {Error} */ (error).message}`);
    }
    reading = false;
    more.hidden = after === null;
    none.hidden = last >= 0 || problem.textContent !== "";
  }
  void read();
  return {element, tell: () => { if (after === null && last + 1 < (store.detail.counts?.entries ?? 0)) void read(); }};
}

/** @param {any} entry */
function rowsOf(entry) {
  const rest = Object.fromEntries(Object.entries(entry).filter(([name]) => !KNOWN.has(name)));
  const detail = h("td", {colspan: "5"});
  const below = h("tr", {class: "journal-detail"}, detail);
  below.hidden = true;
  const button = h("button", {type: "button", class: "icon-button twist", "aria-expanded": "false", "aria-label": `Entry ${entry.seq}`, onclick: (/** @type {Event} */ event) => { event.stopPropagation(); flip(); }}, icon("chevron"));
  const flip = () => {
    below.hidden = !below.hidden;
    button.setAttribute("aria-expanded", String(!below.hidden));
    if (!below.hidden && !detail.firstChild) detail.append(jsonTree(rest, {label: `Entry ${entry.seq}`}).element);
  };
  const at = typeof entry.at === "number" ? entry.at * 1000 : stamp(entry.at);
  return [h("tr", {class: "journal-row", onclick: flip}, h("td", {class: "mono quiet"}, String(entry.seq)), h("td", {class: "quiet"}, at === null ? "" : clockTime(at, 3)), h("td", {}, h("bdi", {}, String(entry.k))), h("td", {class: "mono journal-what"}, h("bdi", {dir: "auto"}, what(rest))), h("td", {class: "end"}, button)), below];
}

/** @param {Record<string, any>} rest */
function what(rest) {
  const first = rest.id ?? rest.call ?? rest.name ?? rest.event;
  const text = first === undefined ? JSON.stringify(rest) : String(first);
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
