// One row of the list of runs: made once, then brought up to date part by part.

import {stateIcon, stateName} from "../components/states.js";
import {durationBar} from "../components/spark.js";
import {ago, setAgo} from "../components/times.js";
import {icon} from "../components/icons.js";
import {idText, isLong} from "../components/names.js";
import {attribute, h, say} from "../lib/dom.js";
import {duration, stamp} from "../lib/format.js";
import {href} from "../lib/router.js";
import {serverNow} from "../lib/servertime.js";

/** Columns that may be switched on. @type {Record<string, {label: string, width: number, text: (run: any) => string}>} */
export const OPTIONAL = {
  queue: {label: "Queue", width: 110, text: (run) => run.queue},
  worker: {label: "Worker", width: 130, text: (run) => run.worker ?? "–"},
  priority: {label: "Priority", width: 76, text: (run) => String(run.priority)},
};
const FLASH = 600;
export const TAGS = 2;

/** A run that is to begin later has no duration yet. @param {any} run */
export const isDelayed = (run, now = serverNow()) => run.status === "queued" && !run.started_at && (stamp(run.due_at) ?? 0) > now;

/** @param {any} run @returns {import("../components/spark.js").Span} */
export function spanOf(run, now = serverNow()) {
  const created = stamp(run.created_at) ?? now;
  const begun = stamp(run.started_at);
  const ended = stamp(run.finished_at) ?? now;
  return {queued: Math.max(0, ((begun ?? ended) - created) / 1000), rest: begun === null ? 0 : Math.max(0, (ended - begun) / 1000)};
}

/** What a run is at, in words. @param {any} run */
export function nowOf(run) {
  const text = run.now ?? "";
  if (run.status === "failed" && text) {
    const [, kind, rest] = /^([\w.]+)(?:: ?(.*))?$/s.exec(text) ?? [null, null, text];
    return kind ? [h("bdi", {class: "class-name", dir: "auto"}, kind), rest ? h("bdi", {class: "soft", dir: "auto"}, ` ${rest}`) : null] : [h("bdi", {dir: "auto"}, text)];
  }
  if (run.status === "parked") return [h("bdi", {class: "asks-text", dir: "auto"}, text || "needs a person")];
  const waits = /^(Waits for )(.+?)(, [^,]* left)?$/.exec(text);
  if (waits) return [h("bdi", {class: "now-name", dir: "auto"}, waits[2]), h("span", {class: "soft"}, waits[3] ? ` ${waits[3].slice(2)}` : "")];
  const does = run.status === "running" ? /^([\w.:-]+)(, .*)?$/s.exec(text) : null;
  if (does) return [h("bdi", {class: "now-name", dir: "auto"}, does[1]), h("span", {class: "soft"}, does[2] ? ` ${does[2].slice(2)}` : "")];
  if (text) return [h("bdi", {class: "soft", dir: "auto"}, text)];
  if (run.brief) return [h("bdi", {class: "mono soft", dir: "auto"}, run.brief)];
  // Of a result that is nothing, or too much, what the workflow has said last of itself is the nearest.
  if (run.status === "succeeded" && run.note) return [h("bdi", {class: "soft", dir: "auto"}, run.note)];
  return run.parent ? [h("span", {class: "soft"}, "child of "), h("bdi", {class: "soft", dir: "auto"}, run.parent)] : [];
}

/** The same whole, for who looks closer. @param {any} run @returns {string|null} */
export const nowText = (run) => run.now ?? run.brief ?? run.note ?? null;

/** @param {any} run */
function tags(run) {
  const all = Object.entries(run.tags);
  const text = (/** @type {[string, any]} */ [name, value]) => `${name}=${value}`;
  const shown = all.slice(0, TAGS).map(([name, value]) => h("span", {class: "tag", title: `${name}=${value}`}, h("bdi", {class: "tag-name"}, name), h("span", {class: "tag-value"}, h("span", {class: "tag-name"}, "="), h("bdi", {}, String(value)))));
  return all.length > TAGS ? [...shown, h("span", {class: "tag tag-more", title: all.slice(TAGS).map(text).join(", ")}, `+${all.length - TAGS}`)] : shown;
}

/**
 * @param {any} run
 * @param {{columns: string[], longest: () => number, isSelected: (key: string) => boolean, onCheck: (run: any, shift: boolean) => void, onMenu: (run: any, anchor: HTMLElement) => void}} around
 */
export function makeRow(run, around) {
  const box = h("input", {type: "checkbox", class: "check", tabindex: "-1", "aria-label": `Select ${run.id}`, onclick: (/** @type {MouseEvent} */ event) => { event.stopPropagation(); around.onCheck(run, event.shiftKey); }});
  const sign = h("span", {class: "state"});
  const link = h("a", {class: "run-link mono", href: href(`/runs/${encodeURIComponent(run.id)}`), title: isLong(run.id) ? run.id : null}, idText(run.id));
  const what = h("div", {class: "cut-text"});
  const begun = ago(run.started_at ?? run.created_at);
  const length = h("span", {class: "took-text"});
  const bar = h("span", {class: "took-bar"});
  const menu = h("button", {type: "button", class: "icon-button row-menu", "aria-label": `Actions for ${run.id}`, "aria-haspopup": "menu", "aria-expanded": "false", tabindex: "-1", onclick: (/** @type {Event} */ event) => { event.stopPropagation(); around.onMenu(run, menu); }}, icon("more"));
  const labels = h("div", {class: "row-tags"}, tags(run));
  const cell = (/** @type {string} */ kind, /** @type {import("../lib/dom.js").Child[]} */ ...children) => h("td", {class: kind, role: "cell"}, children);
  const row = h("tr", {class: "run-row", role: "row", "data-key": run.key}, cell("c-check", h("label", {class: "check-room"}, box)), cell("c-state", sign), cell("c-id", link), cell("c-flow", h("div", {class: "cut-text", title: run.workflow}, h("bdi", {dir: "auto"}, run.workflow))), cell("c-now", what),
    around.columns.map((name) => cell(`c-more c-${name}`, h("div", {class: "cut-text", "data-column": name}))), cell("c-tags", labels), cell("c-start", begun), cell("c-took", bar, length), cell("c-menu", menu));
  let status = "";
  let said = "";
  let drawn = "";

  /** @param {any} next */
  function update(next) {
    if (next.status !== status) {
      sign.replaceChildren(stateIcon(next.status), h("span", {class: "state-word"}, stateName(next.status)));
      if (status) {
        sign.classList.add("flash");
        window.setTimeout(() => sign.classList.remove("flash"), FLASH);
      }
      status = next.status;
    }
    const words = `${next.status} ${next.now} ${next.parent} ${next.note} ${next.brief}`;
    if (words !== said) {
      said = words;
      what.replaceChildren(...nowOf(next).filter((part) => part !== null));
      attribute(what, "title", nowText(next));
    }
    for (const name of around.columns) {
      const part = row.querySelector(`[data-column="${name}"]`);
      if (part) say(part, OPTIONAL[name].text(next));
    }
    if (begun instanceof HTMLTimeElement) setAgo(begun, next.started_at ?? next.created_at);
    row.classList.toggle("is-stray", next.stray === true);
    select();
    tick(serverNow(), next);
  }

  function select() {
    const on = around.isSelected(run.key);
    box.checked = on;
    attribute(row, "aria-selected", String(on));
  }

  /** The length of a run that goes on. @param {number} now @param {any} [next] */
  function tick(now, next = run) {
    run = next;
    if (isDelayed(run, now)) {
      say(length, "–");
      bar.replaceChildren();
      return;
    }
    const span = spanOf(run, now);
    const whole = span.queued + span.rest;
    say(length, duration(whole < 60 && !run.finished_at ? Math.floor(whole * 10) / 10 : whole));
    const signature = `${run.status} ${Math.round(span.queued * 10)} ${Math.round(Math.log1p(whole) * 50)} ${Math.round(around.longest())}`;
    if (signature === drawn) return;
    drawn = signature;
    bar.replaceChildren(durationBar({span, status: run.status, longest: around.longest()}));
  }

  update(run);
  return {row, link, update, select, tick};
}
