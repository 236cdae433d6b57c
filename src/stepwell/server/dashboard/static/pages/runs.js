// The list of runs: filter, picture of it over time, table, selection with actions; live without moving anything.

import {firstUse} from "../components/firstuse.js";
import {histogram} from "../components/histogram.js";
import {icon} from "../components/icons.js";
import {refusal, skeleton} from "../components/loading.js";
import {menuButton, openMenu} from "../components/menu.js";
import {writeText} from "../components/copy.js";
import {toast} from "../components/toasts.js";
import {api, isAborted, session} from "../lib/api.js";
import {h, say} from "../lib/dom.js";
import {count, number, zone} from "../lib/format.js";
import {go, href, pushQuery} from "../lib/router.js";
import {recall, remember} from "../lib/store.js";
import {one} from "../runs/act.js";
import {bulkBar} from "../runs/bulkbar.js";
import {exportRuns} from "../runs/export.js";
import {asked, isEmpty, plus, read, tokens, without, write} from "../runs/filter.js";
import {OPTIONAL} from "../runs/row.js";
import {selection} from "../runs/selection.js";
import {runList} from "../runs/store.js";
import {runTable} from "../runs/table.js";
import {tokenBar} from "../runs/tokenbar.js";
import {WORDS, labelOf, verbsOf} from "../runs/verbs.js";
import {views} from "../runs/views.js";

const TOP = 60;
const TALLY = 500;

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function runsPage({query, kept}) {
  let filter = read(query);
  let columns = recall("columns", /** @type {string[]} */ ([])).filter((name) => name in OPTIONAL);
  let inside = false;
  let drawn = 0;
  let late = 0;
  const list = runList(filter, heard);
  const selected = selection(() => list.rows, () => { table.select(); bulk.tell(); });
  const table = runTable({columns, isSelected: selected.has, onCheck: selected.flip, onMenu: rowMenu, onNear: () => void list.older(), onOpen: open});
  const bulk = bulkBar({selected, list, onExport: () => void exportRuns(selected.all ? null : selected.runs(), filter)});
  const bar = tokenBar({filter, rows: () => list.rows, onChange: (next) => change(next)});
  const named = views({open: (next) => { change(read(next)); bar.set(filter); }, filter: () => filter});
  const times = histogram({onRange: (since, until) => { change({...filter, since: new Date(since).toISOString(), until: new Date(until).toISOString()}); bar.set(filter); }});
  const fresh = h("button", {type: "button", class: "fresh", hidden: true, "data-tip": "Show them (.)", onclick: enter}, icon("arrow-up"), h("span", {}));
  const choose = menuButton({label: "Columns", text: "Columns", class: "button columns-button", items: () => Object.entries(OPTIONAL).map(([name, {label}]) => ({label, checked: columns.includes(name), run: () => flipColumn(name)}))});
  const save = h("button", {type: "button", class: "button export-button", onclick: () => void exportRuns(null, filter)}, "Export");
  const foot = h("p", {class: "list-foot quiet", role: "status"});
  const rest = h("div", {class: "list-rest"});
  const panel = h("section", {class: "panel runs-panel", "aria-label": "Runs", onpointerenter: () => { inside = true; }, onpointerleave: () => { inside = false; }}, bulk.element, table.element, rest);
  const keysHint = h("p", {class: "list-keys quiet", "aria-hidden": "true"}, h("kbd", {}, "j"), h("kbd", {}, "k"), "move", h("kbd", {}, "x"), "select", h("kbd", {}, "↵"), "open", h("kbd", {}, "r"), "retry");
  const content = h("div", {}, h("header", {class: "page-head"}, h("h1", {}, "Runs"), h("div", {class: "page-end"}, fresh, choose, save)),
    h("div", {class: "views-line"}, named.element, h("span", {class: "quiet views-zone"}, `times in ${zone()}`)), bar.element, times.element, panel, h("div", {class: "list-end"}, foot, keysHint));
  const element = h("div", {class: "page page-runs"}, content);
  /** @type {ReturnType<typeof firstUse>|null} */
  let first = null;

  /** @param {Set<import("../runs/store.js").Part>} parts @param {Set<string>} changed */
  function heard(parts, changed) {
    if (parts.has("rows")) table.set(list.rows, changed);
    if (parts.has("total")) {
      bar.count(list.total);
      named.list(list.total);
      if (list.total !== null) again();
    }
    if (parts.has("pending")) waiting();
    if (parts.has("rows") || parts.has("total") || parts.has("state") || parts.has("problem")) below();
    bulk.tell();
  }

  function waiting() {
    const n = list.pending;
    fresh.hidden = n === 0;
    say(/** @type {Element} */ (fresh.lastElementChild), `${number(n)} new ${n === 1 ? "run" : "runs"}`);
    // Before the first run there is no list that could move: whoever has scrolled to the code to copy it sees it come, too.
    const away = first !== null || !inside && selected.isEmpty() && window.scrollY < TOP && !panel.contains(document.activeElement) && !document.hidden;
    if (n && away) enter();
  }

  function enter() {
    list.enter();
    void picture();
  }

  /** What stands under the rows: how many there are, or why there are none. */
  function below() {
    const {rows, total, loading, problem} = list;
    table.element.hidden = rows.length === 0;
    say(foot, rows.length ? (list.after && total !== null && total > rows.length ? `${number(rows.length)} of ${number(total)} shown. Older runs load as you scroll.` : `${count(rows.length, "run")} shown.`) : "");
    if (problem) rest.replaceChildren(refusal(problem, {what: "The runs could not be read.", again: () => void list.load()}));
    else if (rows.length) rest.replaceChildren();
    else if (loading) {
      if (!rest.querySelector(".sk")) rest.replaceChildren(skeleton(12, {label: "Loading runs"}));
    } else rest.replaceChildren(none());
    if (first && rows.length) {
      first.stop();
      first.element.remove();
      first = null;
      content.hidden = false;
      window.scrollTo(0, 0);
    }
    if (!loading && !problem && !rows.length && isEmpty(filter) && !first) {
      first = firstUse({live: true});
      content.hidden = true;
      element.append(first.element);
    }
  }

  const none = () => h("div", {class: "none"}, h("p", {}, h("strong", {}, "No runs match.")), h("div", {class: "none-do"}, tokens(filter).map((token) => h("button", {type: "button", class: "button small", onclick: () => { change(without(filter, token.field)); bar.set(filter); }}, `Remove ${token.name} ${token.operator} ${token.whole}`))));

  /** @param {import("../runs/filter.js").Filter} next */
  function change(next) {
    filter = next;
    selected.clear();
    table.fit();
    pushQuery(write(filter));
    named.list(null);
    named.draw();
    bar.count(null);
    window.scrollTo(0, 0);
    void list.load(filter);
    void picture();
  }

  /** The histogram of the same filter; asked again while it is not complete. */
  async function picture() {
    const mine = ++drawn;
    try {
      for (let pause = 400; mine === drawn; pause = Math.min(pause * 2, 5000)) {
        const data = await api.get("/runs/histogram", {...asked(filter), buckets: window.innerWidth < 768 ? 48 : 96});
        if (mine !== drawn) return;
        times.set(data);
        if (data.complete !== false) return;
        await new Promise((resolve) => window.setTimeout(resolve, pause));
      }
    } catch (error) {
      if (!isAborted(error)) times.element.hidden = true;
    }
  }

  /** The list's own number has changed: those of the views are read again, soon and once. */
  function again() {
    late ||= window.setTimeout(() => { late = 0; void tallies(); }, TALLY);
  }

  async function tallies() {
    try {
      const [all, day] = await Promise.all([api.get("/runs/count"), api.get("/runs/count", {since: "24h"})]);
      named.tell(all.by_status, {"Last 24 h": day.total});
    } catch {
      // The names of the views are enough.
    }
  }

  /** @param {string} name */
  function flipColumn(name) {
    columns = columns.includes(name) ? columns.filter((each) => each !== name) : [...columns, name];
    remember("columns", columns);
    table.show(columns);
  }

  /** @param {any} run @param {MouseEvent|KeyboardEvent} event */
  function open(run, event) {
    const path = `/runs/${encodeURIComponent(run.id)}`;
    if (event.metaKey || event.ctrlKey) window.open(href(path), "_blank", "noopener");
    else if (event.shiftKey && event instanceof MouseEvent) selected.flip(run, true);
    else go(path);
  }

  /** @param {any} run @param {HTMLElement} anchor */
  function rowMenu(run, anchor) {
    const verbs = session.can("operate") ? verbsOf(run.status) : [];
    openMenu(anchor, [
      {label: "Open", key: "↵", run: () => go(`/runs/${encodeURIComponent(run.id)}`)},
      {label: "Copy id", key: "y", run: () => void copyId(run)},
      {label: `Only ${run.workflow}`, run: () => { change(plus({...filter, workflow: []}, "workflow", run.workflow)); bar.set(filter); }},
      ...verbs.map((verb, index) => ({label: labelOf(verb), key: WORDS[verb].key, danger: verb === "terminate", rule: index === 0, run: () => void one(verb, run.id).then(list.merge)})),
    ], {label: `Actions for ${run.id}`});
  }

  /** @param {any} run */
  async function copyId(run) {
    if (await writeText(run.id)) toast(`Copied ${run.id}`);
  }

  /** The verb of a key: on the selection, or on the row that keys act on. @param {...import("../runs/verbs.js").Verb} verbs */
  function actBy(...verbs) {
    if (!session.can("operate")) return;
    if (!selected.isEmpty()) {
      const able = bulk.verbs();
      const verb = verbs.find((each) => able.includes(each));
      if (verb) void bulk.act(verb);
      return;
    }
    const run = table.current();
    const verb = run && verbs.find((each) => verbsOf(run.status).includes(each));
    if (run && verb) void one(verb, run.id).then(list.merge);
  }

  const onCurrent = (/** @type {(run: any) => void} */ act) => { const run = table.current(); if (run) act(run); };
  const counted = window.setInterval(() => { if (!document.hidden) void tallies(); }, 10_000);
  named.draw();
  void tallies();
  void picture();
  if (kept?.rows?.length) list.restore(kept);
  else void list.load();
  if (kept?.current >= 0) queueMicrotask(() => table.point(kept.current, false));

  return {
    element,
    title: "Runs",
    keep: () => ({...list.keep(), current: table.index()}),
    keys: () => [
      {keys: "/", does: "filter", run: bar.focus},
      {keys: "j", does: "next row", run: () => table.point(table.index() + 1)}, {keys: "k", does: "previous row", run: () => table.point(Math.max(0, table.index() - 1))},
      {keys: "ArrowDown", does: "", run: () => table.point(table.index() + 1)}, {keys: "ArrowUp", does: "", run: () => table.point(Math.max(0, table.index() - 1))},
      {keys: "Enter", does: "open", run: (event) => onCurrent((run) => open(run, event))}, {keys: "o", does: "open", run: (event) => onCurrent((run) => open(run, event))},
      {keys: "x", does: "select", run: () => onCurrent((run) => selected.flip(run, false))}, {keys: "Shift+x", does: "extend the selection", run: () => onCurrent((run) => selected.flip(run, true))},
      {keys: "Mod+a", does: "select the page; again: all that match", run: () => (selected.size >= list.rows.length && list.rows.length ? selected.everything() : selected.page())},
      {keys: "r", does: "retry", run: () => actBy("retry")}, {keys: "p", does: "pause or resume", run: () => actBy("pause", "resume")}, {keys: "c", does: "cancel…", run: () => actBy("cancel")},
      {keys: "y", does: "copy id", run: () => onCurrent((run) => void copyId(run))}, {keys: ".", does: "show new runs", run: enter},
      {keys: "Escape", does: "clear the selection", run: () => selected.clear()},
    ],
    stop() {
      drawn += 1;
      clearInterval(counted);
      clearTimeout(late);
      list.close();
      table.stop();
      first?.stop();
    },
  };
}
