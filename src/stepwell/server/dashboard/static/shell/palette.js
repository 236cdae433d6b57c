// The palette: runs by the beginning of their id first, then lists, then what can be done here, then places.

import {icon, stateIcon} from "../components/icons.js";
import {open} from "../components/dialog.js";
import {api, session} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {number, relative, stamp} from "../lib/format.js";
import {bindings, shown} from "../lib/keys.js";
import {go} from "../lib/router.js";
import {choose, next} from "../lib/theme.js";

/** @typedef {{sign: Element, text: import("../lib/dom.js").Child, beside?: string, key?: string, run: () => void}} Entry */

const SHOWN = 6;
const PAUSE = 120;
let isOpen = false;

/** @type {[string, string, string, string][]} */
const PLACES = [["Overview", "/", "overview", "g o"], ["Runs", "/runs", "runs", "g r"], ["Failed runs", "/runs?state=failed", "failed", ""], ["Runs that need a person", "/runs?state=parked", "warning", ""], ["Workflows", "/workflows", "workflow", "g w"], ["Queues & workers", "/queues", "queues", "g q"], ["Events", "/events", "mail", "g e"], ["Dead letters", "/failures", "inbox", "g d"], ["Schedules", "/schedules", "calendar", ""]];

/** Opens the palette. */
export async function palette() {
  if (isOpen) return;
  isOpen = true;
  const here = bindings();
  /** @type {string[]} */
  let workflows = [];
  /** @type {Entry[]} */
  let runs = [];
  /** @type {Entry[]} */
  let entries = [];
  let at = 0;
  let asking = new AbortController();
  let timer = 0;
  /** @type {() => void} */
  let shut = () => {};
  const list = h("div", {class: "palette-list", role: "listbox", id: "palette-list", "aria-label": "Found"});
  const field = h("input", {type: "text", placeholder: "Find or do anything", "aria-label": "Find or do anything", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", oninput: () => changed(), onkeydown: keyed});

  /** @param {string} text @returns {Entry[]} */
  function local(text) {
    const fits = (/** @type {string} */ word) => word.toLowerCase().includes(text.toLowerCase());
    const verbs = here.filter((each) => each.does && !each.keys.startsWith("g ") && !["Mod+k", "Escape", "j", "k", "/"].includes(each.keys) && fits(each.does));
    const starts = session.can("execute") ? workflows.filter((name) => fits(`start ${name}`)).slice(0, text ? 5 : 2) : [];
    return [
      ...starts.map((name) => ({sign: icon("plus"), text: ["Start ", h("bdi", {dir: "auto"}, name)], run: () => go(`/start/${encodeURIComponent(name)}`)})),
      ...verbs.slice(0, text ? 6 : 4).map((each) => ({sign: icon("step"), text: each.does.charAt(0).toUpperCase() + each.does.slice(1), key: each.keys, run: () => each.run(new KeyboardEvent("keydown"))})),
      ...PLACES.filter(([name]) => fits(name)).map(([name, path, sign, key]) => ({sign: icon(sign), text: name, key, run: () => go(path)})),
      ...(text && fits("theme light dark") ? [{sign: icon("theme"), text: `Theme: change to ${next()}`, run: () => choose(next())}] : []),
    ];
  }

  /** @param {string} text @param {any[]} listed whose ids begin so, first the one whose id it is @param {number} total @returns {Entry[]} */
  function remote(text, listed, total) {
    const found = listed.map((/** @type {any} */ run) => ({sign: stateIcon(run.status, 16, {label: run.status}), text: [h("bdi", {class: "mono", dir: "auto"}, run.id), h("span", {class: "quiet"}, `${run.workflow}, ${relative(stamp(run.created_at) ?? 0)}`)], run: () => go(`/runs/${encodeURIComponent(run.id)}`)}));
    const all = total > 1 ? [{sign: icon("runs"), text: ["Runs with id ", h("bdi", {dir: "auto"}, text), "…"], beside: number(total), run: () => go(`/runs?id=${encodeURIComponent(text)}`)}] : [];
    const free = [{sign: icon("search"), text: ["Runs with text “", h("bdi", {dir: "auto"}, text), "”"], run: () => go(`/runs?text=${encodeURIComponent(text)}`)}];
    return [...found, ...all, ...(listed.length ? [] : free)];
  }

  function tell() {
    entries = [...runs, ...local(field.value.trim())];
    at = Math.min(at, Math.max(0, entries.length - 1));
    list.replaceChildren(...(entries.length ? entries.map((entry, index) => h("div", {class: "palette-item", role: "option", id: `palette-${index}`, "aria-selected": String(index === at), onclick: () => act(index), onpointermove: () => mark(index)}, entry.sign, h("span", {class: "palette-words"}, entry.text, entry.beside ? h("span", {class: "quiet"}, entry.beside) : null), entry.key ? shown(entry.key).map((key) => h("kbd", {}, key)) : null)) : [h("p", {class: "palette-empty"}, "Nothing found.")]));
    mark(at);
  }

  /** @param {number} index */
  function mark(index) {
    at = index;
    [...list.children].forEach((row, n) => row.setAttribute("aria-selected", String(n === at)));
    field.setAttribute("aria-activedescendant", `palette-${at}`);
  }

  function changed() {
    const text = field.value.trim();
    at = 0;
    clearTimeout(timer);
    asking.abort();
    runs = [];
    tell();
    if (!text) return;
    timer = window.setTimeout(async () => {
      const control = (asking = new AbortController());
      try {
        // The list has the newest first: a run's many children, whose ids begin with its own, would hide it.
        const [one, page, counted] = await Promise.all([api.get("/runs", {id: text, exact: true}, {signal: control.signal}), api.get("/runs", {id: text, limit: SHOWN}, {signal: control.signal}), api.get("/runs/count", {id: text}, {signal: control.signal})]);
        if (field.value.trim() !== text) return;
        const others = page.runs.filter((/** @type {any} */ run) => run.id !== text);
        runs = remote(text, [...one.runs, ...others].slice(0, SHOWN), counted.total);
        tell();
      } catch {
        // not wanted any more, or no answer: what can be done here is shown all the same
      }
    }, PAUSE);
  }

  /** @param {number} index */
  function act(index) {
    const entry = entries[index];
    if (!entry) return;
    shut();
    queueMicrotask(entry.run);
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (by) {
      mark((at + by + entries.length) % Math.max(1, entries.length));
      list.children[at]?.scrollIntoView({block: "nearest"});
    } else if (event.key === "Enter") act(at);
    else return;
    event.preventDefault();
  }

  const done = open({title: "Find or do anything", kind: "palette", focus: "input", build: (close) => {
    shut = () => close();
    return [h("div", {class: "palette-field"}, icon("search"), field), list];
  }});
  tell();
  void api.get("/workflows").then((data) => {
    workflows = data.workflows.map((/** @type {any} */ each) => each.name);
    tell();
  }, () => {});
  await done;
  clearTimeout(timer);
  asking.abort();
  isOpen = false;
}
