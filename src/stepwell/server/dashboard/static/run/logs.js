// The lines a run has logged, newest first: a few of them under the timeline, all of them in a tab.

import {stamp} from "./layout.js";
import {h} from "../lib/dom.js";
import {clockTime} from "../lib/format.js";

/** @typedef {import("./store.js").RunStore} RunStore */

const LEVELS = ["debug", "info", "warning", "error"];
const SAID = /** @type {Record<string, string>} */ ({warning: "warn", critical: "error"});
const FEW = 5;

/** The level in the words of this page. @param {any} line */
const levelOf = (line) => { const level = String(line.level).toLowerCase(); return SAID[level] ?? level; };

/** @param {any} line */
const nameOf = (line) => String(line.call ?? "").split("/").pop()?.replace(/#\d+$/, "") ?? "";

/** @param {any} line @param {(call: string) => void} select @param {string} workflow */
const row = (line, select, workflow) => h("div", {class: `log log-${levelOf(line)}`, role: "listitem"},
  h("time", {class: "log-time", datetime: line.at, title: line.at}, clockTime(stamp(line.at) ?? 0, 1)),
  h("span", {class: "log-level"}, levelOf(line)),
  line.call ? h("button", {type: "button", class: "log-call", title: line.call, onclick: () => select(line.call)}, h("bdi", {}, nameOf(line))) : h("bdi", {class: "log-call"}, workflow),
  h("span", {class: "log-text", dir: "auto"}, line.text));

/**
 * @param {RunStore} store
 * @param {{select: (call: string) => void, all: () => void}} hooks
 */
export function logsPreview(store, hooks) {
  const lines = h("div", {class: "log-lines", role: "list"});
  const all = h("button", {type: "button", class: "link end", onclick: hooks.all});
  const element = h("section", {class: "logs-preview", "aria-label": "Logs"}, h("div", {class: "bar"}, h("h2", {}, "Logs"), h("span", {class: "quiet"}, "newest first"), all), lines);
  let shown = "";
  return {
    element,
    tell() {
      const few = store.logs.slice(0, FEW);
      element.hidden = !few.length;
      const count = Math.max(store.detail.counts?.logs ?? 0, store.logs.length);
      all.textContent = `All ${count.toLocaleString("en")}`;
      const signature = few.map((line) => line.id).join(" ");
      if (signature === shown) return;
      shown = signature;
      lines.replaceChildren(...few.map((line) => row(line, hooks.select, store.detail.workflow)));
    },
  };
}

/**
 * All lines, by level; older ones on demand.
 * @param {RunStore} store
 * @param {{api: any, select: (call: string) => void}} hooks
 */
export function logsTab(store, hooks) {
  let level = "";
  /** @type {any[]} */
  let older = [];
  /** @type {string|null} */
  let after = store.moreLogs;
  const lines = h("div", {class: "log-lines", role: "list"});
  const more = h("button", {type: "button", class: "button small", onclick: () => void readMore()}, "Older lines");
  const none = h("p", {class: "quiet log-none"}, "None. What a step logs appears here.");
  const select = /** @type {HTMLSelectElement} */ (h("select", {class: "input", "aria-label": "Level", onchange: () => { level = select.value; shown = new Set(); lines.replaceChildren(); tell(); }},
    h("option", {value: ""}, "All levels"), ...LEVELS.map((each) => h("option", {value: each}, each === "debug" ? "debug" : `${each} and above`))));
  const element = h("div", {class: "tab-pane logs-all"}, h("div", {class: "bar"}, h("span", {class: "select"}, select), h("span", {class: "quiet"}, "newest first")), lines, none, more);
  /** @type {Set<any>} */
  let shown = new Set();

  /** @param {any} line */
  const wanted = (line) => !level || LEVELS.findIndex((each) => (SAID[each] ?? each) === levelOf(line)) >= LEVELS.indexOf(level);

  async function readMore() {
    const page = await hooks.api.get(`${store.path}/logs?limit=500&newest=true&after=${encodeURIComponent(after ?? "")}`);
    older = [...older, ...page.lines];
    after = page.after;
    tell();
  }

  function tell() {
    if (!older.length) after = store.moreLogs;
    const fresh = store.logs.filter((line) => wanted(line) && !shown.has(line.id));
    const old = older.filter((line) => wanted(line) && !shown.has(line.id));
    const isFirst = shown.size === 0;
    for (const line of [...fresh, ...old]) shown.add(line.id);
    const made = fresh.map((line) => row(line, hooks.select, store.detail.workflow));
    if (isFirst) lines.append(...made);
    else lines.prepend(...made);
    lines.append(...old.map((line) => row(line, hooks.select, store.detail.workflow)));
    none.hidden = shown.size > 0;
    more.hidden = after === null;
  }
  tell();
  return {element, tell};
}
