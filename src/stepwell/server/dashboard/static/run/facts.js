// The facts of a run in a line, and the sentence that says what it does now.

import {every, now} from "./clock.js";
import {stamp} from "./layout.js";
import {busy} from "./shapes.js";
import {hasEnded} from "./store.js";
import {copyButton} from "../components/copy.js";
import {idText} from "../components/names.js";
import {stateIcon} from "../components/icons.js";
import {h} from "../lib/dom.js";
import {clockTime, dayTime, duration, shortId} from "../lib/format.js";
import {link} from "../lib/router.js";

/** @typedef {import("./store.js").RunStore} RunStore */

/**
 * Started, age, worked, queue, worker, code, tags.
 * @param {RunStore} store
 */
export function factsBar(store) {
  const element = h("dl", {class: "facts"});
  /** @type {Map<string, HTMLElement>} */
  const cells = new Map();
  /** @type {HTMLElement[]} */
  let wanted = [];
  /** @param {string} name @param {string} label @param {string} signature @param {() => (Node|string|null)[]} content */
  const fact = (name, label, signature, content) => {
    const cell = cells.get(name) ?? h("div", {class: "fact"}, h("dt", {}), h("dd", {}));
    cells.set(name, cell);
    wanted.push(cell);
    const text = `${label} ${signature}`;
    if (cell.dataset.is === text) return;
    cell.dataset.is = text;
    /** @type {HTMLElement} */ (cell.firstChild).textContent = label;
    /** @type {HTMLElement} */ (cell.lastChild).replaceChildren(...content().filter((each) => each !== null));
  };
  const tell = () => {
    const run = store.detail;
    wanted = [];
    const begun = stamp(run.started_at) ?? stamp(run.created_at) ?? 0;
    const finished = stamp(run.finished_at);
    const end = finished ?? now();
    // One length everywhere: from when the run was made, as the sentence and the lists have it.
    const made = stamp(run.created_at) ?? begun;
    const worked = busy(store.calls(), end).reduce((sum, span) => sum + span.to - span.from, 0) / 1000;
    const due = stamp(run.due_at);
    const delayed = run.status === "queued" && !run.started_at && due !== null && due > now();
    fact("started", run.started_at ? "Started" : "Created", String(begun), () => [h("time", {datetime: run.started_at ?? run.created_at, title: run.started_at ?? run.created_at}, dayTime(begun))]);
    if (delayed) fact("starts", "Starts", String(due), () => [h("time", {datetime: run.due_at, title: run.due_at}, dayTime(due))]);
    else if (finished !== null) {
      fact("ended", "Ended", String(finished), () => [h("time", {datetime: run.finished_at, title: run.finished_at}, clockTime(finished))]);
      fact("took", "Took", `${end - made}`, () => [duration(run.took_s ?? (end - made) / 1000), quiet(` ${duration(worked)} working`)]);
    } else {
      fact("age", "Age", duration((end - made) / 1000), () => [duration((end - made) / 1000)]);
      const age = duration((end - made) / 1000, 1);
      fact("worked", "Worked", `${duration(worked)} ${age}`, () => [duration(worked), quiet(` in ${age}`)]);
    }
    fact("queue", "Queue", `${run.queue} ${run.priority}`, () => [link(`/runs?queue=${encodeURIComponent(run.queue)}`, h("bdi", {}, run.queue)), quiet(` p${run.priority}`)]);
    if (run.worker) fact("worker", "Worker", `${run.worker} ${run.epoch}`, () => [h("bdi", {title: run.worker}, run.worker_name ?? shortId(run.worker)), quiet(` epoch ${run.epoch}`)]);
    if (run.code) fact("code", "Code", run.code, () => [h("bdi", {class: "mono", title: run.code}, run.code.slice(0, 12))]);
    if (run.generation > 1) fact("generation", "Generation", String(run.generation), () => [String(run.generation)]);
    if (run.parent) fact("parent", "Parent", run.parent, () => [link(`/runs/${encodeURIComponent(run.parent)}`, h("bdi", {class: "mono", title: run.parent}, shortId(run.parent)))]);
    const tags = Object.entries(run.tags ?? {});
    if (tags.length) fact("tags", "Tags", JSON.stringify(run.tags), () => tags.map(([name, value]) => tag(name, value)));
    if (wanted.length !== element.children.length || wanted.some((cell, index) => element.children[index] !== cell)) element.replaceChildren(...wanted);
  };
  tell();
  const stop = every(() => { if (!hasEnded(store.detail.status)) tell(); }, "second");
  return {element, tell, stop};
}

/** @param {string} text */
const quiet = (text) => h("span", {class: "quiet"}, text);

/** @param {string} name @param {any} value */
const tag = (name, value) => link(`/runs?tag=${encodeURIComponent(`${name}=${value}`)}`, h("span", {class: "tag"}, h("bdi", {class: "tag-name"}, name), "=", h("bdi", {}, String(value))));

const TONES = /** @type {Record<string, string>} */ ({failed: "failed", parked: "parked", paused: "paused", succeeded: "succeeded"});

/**
 * One exact sentence, and how far the run has come.
 * @param {RunStore} store
 * @param {() => {count: number, to: string}|null} same
 */
export function nowBar(store, same) {
  const text = h("p", {class: "now-text", "aria-live": "polite"});
  const sign = h("span", {class: "now-sign"});
  const beside = h("div", {class: "now-beside"});
  const element = h("div", {class: "now"}, sign, text, beside);
  let said = "";
  return {
    element,
    tell() {
      const run = store.detail;
      const others = same();
      element.className = `now now-${TONES[run.status] ?? "live"}`;
      const signature = JSON.stringify([run.status, run.summary, run.progress, run.note, others?.count]);
      if (said === signature) return;
      said = signature;
      sign.replaceChildren(stateIcon(run.status, 16));
      const parts = run.summary?.parts?.length ? run.summary.parts : [{text: run.summary?.text ?? run.now ?? run.status}];
      text.replaceChildren(...parts.map((/** @type {{text: string, strong?: boolean}} */ part) => h(part.strong ? "strong" : "span", {dir: "auto"}, part.text)));
      beside.replaceChildren(...besides(run, others));
    },
  };
}

/** @param {any} run @param {{count: number, to: string}|null} others @returns {HTMLElement[]} */
function besides(run, others) {
  if (others && others.count > 1) return [h("span", {class: "quiet"}, `${others.count.toLocaleString("en")} runs failed like this in 24 h`), link(others.to, "Show them")];
  if (run.progress === null || run.progress === undefined || hasEnded(run.status)) return [];
  const percent = Math.round(run.progress * 100);
  const fill = h("span", {class: "meter-fill"});
  fill.style.width = `${percent}%`;
  return [...(run.note ? [h("bdi", {class: "quiet now-note"}, run.note)] : []),
    h("span", {class: "meter", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(percent), "aria-valuetext": `${percent} percent${run.note ? `, ${run.note}` : ""}`}, fill),
    h("strong", {class: "now-percent"}, `${percent} %`)];
}

/** The id with its copy button. @param {string} id */
export const idWithCopy = (id) => h("span", {class: "run-id"}, h("span", {class: "mono run-id-text", title: id}, idText(id)), copyButton(() => id, "Copy the id", true));

