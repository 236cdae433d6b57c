// The table of runs: only the rows near the window are in the page; the rest is space of the same height.

import {attribute, each, h} from "../lib/dom.js";
import {fit} from "./columns.js";
import {OPTIONAL, TAGS, isDelayed, makeRow, spanOf} from "./row.js";
import {shortId} from "../lib/format.js";
import {serverNow} from "../lib/servertime.js";

/** @typedef {ReturnType<typeof makeRow>} Row */

const WINDOWED = 150;
const MARGIN = 25;
const NEAR = 900;
const LETTER = 7.25;
const SMALL = 6.75;
const USUAL = 0.95;
const HEIGHTS = {phone: 64, two: 50, one: 38};

/**
 * @param {{columns: string[], isSelected: (key: string) => boolean, onCheck: (run: any, shift: boolean) => void, onMenu: (run: any, anchor: HTMLElement) => void, onNear: () => void, onOpen: (run: any, event: MouseEvent) => void}} around
 */
export function runTable(around) {
  /** @type {any[]} */
  let rows = [];
  /** @type {Map<string, Row>} */
  const made = new Map();
  let current = "";
  let longest = 60;
  /** What the columns would like to have; grows with what is shown, and never shrinks. */
  let wanted = {id: 0, flow: 0, tags: 0, more: 0};
  const before = h("tbody", {class: "space", "aria-hidden": "true"}, h("tr", {}, h("td", {})));
  const after = h("tbody", {class: "space", "aria-hidden": "true"}, h("tr", {}, h("td", {})));
  const body = h("tbody", {role: "rowgroup", onclick: clicked});
  const groups = h("colgroup", {});
  const head = h("tr", {role: "row"});
  const table = h("table", {class: "table runs-table", role: "table", "aria-label": "Runs, newest first"}, groups, h("thead", {role: "rowgroup"}, head), before, body, after);
  const options = {...around, columns: around.columns, longest: () => longest};

  function columns() {
    const more = options.columns.map((name) => ({kind: `c-more c-${name}`, text: OPTIONAL[name].label, width: OPTIONAL[name].width}));
    const all = [{kind: "c-check", text: "", width: 46}, {kind: "c-state", text: "State", width: 112}, {kind: "c-id", text: "Run", width: 0}, {kind: "c-flow", text: "Workflow", width: 0}, {kind: "c-now", text: "Now", width: 0}, ...more, {kind: "c-tags", text: "Tags", width: 0}, {kind: "c-start", text: "Started", width: 0}, {kind: "c-took", text: "Duration", width: 0}, {kind: "c-menu", text: "", width: 44}];
    groups.replaceChildren(...all.map((each) => h("col", {class: `col-${each.kind.split(" ").at(-1)}`, style: each.width ? {width: `${each.width}px`} : null})));
    head.replaceChildren(...all.map((each) => h("th", {class: each.kind, scope: "col", role: "columnheader", "aria-sort": each.text === "Started" ? "descending" : null}, each.text || h("span", {class: "visually-hidden"}, each.kind === "c-check" ? "Selected" : "Actions"), each.text === "Started" ? h("span", {class: "sort", "aria-hidden": "true"}, " ↓") : null)));
  }

  /** Widths fit all but the rare giant. */
  function widths() {
    const usual = (/** @type {(run: any) => number} */ of) => {
      const widths = rows.slice(0, 500).map(of).sort((a, b) => a - b);
      return widths[Math.floor((widths.length - 1) * USUAL)] ?? 0;
    };
    const tag = (/** @type {[string, any]} */ [name, value]) => Math.min(190, `${name}=${value}`.length * SMALL + 18);
    wanted = {
      id: Math.max(wanted.id, usual((run) => Math.min(30, Math.max(8, shortId(run.id).length)) * LETTER + 20)),
      flow: Math.max(wanted.flow, usual((run) => Math.min(24, Math.max(8, run.workflow.length)) * LETTER + 18)),
      tags: Math.max(wanted.tags, usual((run) => {
        const all = Object.entries(run.tags);
        return all.length ? all.slice(0, TAGS).reduce((sum, each) => sum + tag(each), 16) + (all.length > TAGS ? 28 : 0) : 0;
      })),
      more: options.columns.reduce((sum, name) => sum + OPTIONAL[name].width, 0),
    };
    place();
  }

  /** Gives each column its width of what there is now. */
  function place() {
    const room = table.parentElement?.clientWidth ?? 0;
    if (!room) return;
    const found = fit(room, wanted);
    for (const name of /** @type {const} */ (["id", "flow", "tags", "took"])) table.style.setProperty(`--${name}`, `${Math.ceil(found[name])}px`);
    table.classList.toggle("no-tags", found.tags === 0);
    table.classList.toggle("no-bars", !found.drawn);
  }

  /** @param {any[]} next @param {Set<string>} [changed] */
  function set(next, changed) {
    const same = next === rows;
    rows = next;
    const now = serverNow();
    longest = Math.max(10, ...rows.slice(0, 500).filter((run) => !isDelayed(run, now)).map((run) => { const span = spanOf(run, now); return span.queued + span.rest; }));
    if (!same) widths();
    if (!same || made.size === 0) {
      const keys = new Set(rows.map((run) => run.key));
      for (const key of made.keys()) if (!keys.has(key)) made.delete(key);
    }
    attribute(table, "aria-rowcount", String(rows.length + 1));
    draw();
    for (const key of changed ?? []) {
      const run = rows.find((each) => each.key === key);
      if (run) made.get(key)?.update(run);
    }
  }

  const height = () => HEIGHTS[window.innerWidth < 768 ? "phone" : window.innerWidth < 1024 ? "two" : "one"];

  /** Where the first row is, from the top of the window. */
  const start = () => table.getBoundingClientRect().top + head.offsetHeight;

  /** Puts the rows near the window into the page. */
  function draw() {
    let from = 0;
    let to = rows.length;
    if (rows.length > WINDOWED) {
      const top = start();
      from = Math.max(0, Math.floor(-top / height()) - MARGIN);
      to = Math.min(rows.length, Math.ceil((window.innerHeight - top) / height()) + MARGIN);
      if (to <= from) [from, to] = [Math.max(0, rows.length - MARGIN * 2), rows.length];
    }
    space(before, from);
    space(after, rows.length - to);
    each(body, rows.slice(from, to), (run) => run.key, (run) => rowOf(run).row);
    rows.slice(from, to).forEach((run, index) => attribute(rowOf(run).row, "aria-rowindex", String(from + index + 2)));
  }

  /** @param {HTMLElement} room @param {number} n */
  function space(room, n) {
    room.hidden = n <= 0;
    /** @type {HTMLElement} */ (room.firstElementChild).style.setProperty("height", `${n * height()}px`);
  }

  /** @param {any} run */
  function rowOf(run) {
    let row = made.get(run.key);
    if (!row) {
      row = makeRow(run, options);
      if (run.key === current) row.row.classList.add("is-current");
      made.set(run.key, row);
    }
    return row;
  }

  /** @param {MouseEvent} event */
  function clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const row = target.closest("tr[data-key]");
    const run = row && rows.find((each) => each.key === row.getAttribute("data-key"));
    if (!run || target.closest("a, button, input, label") || window.getSelection()?.toString()) return;
    around.onOpen(run, event);
  }

  /** Makes a row the one that keys act on. @param {number} index @param {boolean} [focus] */
  function point(index, focus = true) {
    const run = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    made.get(current)?.row.classList.remove("is-current");
    current = run?.key ?? "";
    if (!run) return;
    const place = rows.indexOf(run);
    if (!rowOf(run).row.isConnected) {
      const top = start() + window.scrollY;
      window.scrollTo(0, Math.max(0, top + place * height() - window.innerHeight / 2));
      draw();
    }
    const {row, link} = rowOf(run);
    row.classList.add("is-current");
    if (focus) {
      link.focus({preventScroll: true});
      row.scrollIntoView({block: "nearest"});
    }
  }

  let frame = 0;
  function scrolled() {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (rows.length > WINDOWED) draw();
      if (document.documentElement.scrollHeight - window.scrollY - window.innerHeight < NEAR) around.onNear();
    });
  }
  window.addEventListener("scroll", scrolled, {passive: true});
  const resized = () => {
    place();
    scrolled();
  };
  window.addEventListener("resize", resized);
  const beat = window.setInterval(() => {
    if (document.hidden || document.body.classList.contains("is-lost")) return;
    const now = serverNow();
    for (const run of rows) if (!run.finished_at) made.get(run.key)?.tick(now);
  }, 1000);
  columns();

  return {
    element: table, set, point, draw,
    /** Another list may have other widths. */
    fit() {
      wanted = {id: 0, flow: 0, tags: 0, more: 0};
    },
    index: () => rows.findIndex((run) => run.key === current),
    current: () => rows.find((run) => run.key === current) ?? null,
    select: () => { for (const row of made.values()) row.select(); },
    /** @param {string[]} next */
    show(next) {
      options.columns = next;
      made.clear();
      body.replaceChildren();
      columns();
      widths();
      each(body, [], () => "", () => body);
      draw();
    },
    stop() {
      window.removeEventListener("scroll", scrolled);
      window.removeEventListener("resize", resized);
      clearInterval(beat);
      cancelAnimationFrame(frame);
    },
  };
}
