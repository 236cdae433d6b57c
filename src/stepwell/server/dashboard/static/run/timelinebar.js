// What stands around the bars: zoom, follow, fold, find, and what the forms mean.

import {icon} from "../components/icons.js";
import {h, svg} from "../lib/dom.js";

/**
 * @param {{zoom: (factor: number) => void, fit: () => void, follow: () => void, find: (text: string) => void, fold: (on: boolean) => void}} does
 */
export function toolbar(does) {
  const fit = h("button", {type: "button", class: "on", "aria-pressed": "true", title: "Show the whole run (0)", onclick: does.fit}, "Fit");
  const follow = h("button", {type: "button", class: "tl-follow", "aria-pressed": "true", title: "Keep the live edge in view (f)", onclick: does.follow}, h("span", {class: "dot", "aria-hidden": "true"}), "Follow");
  const zoom = h("div", {class: "tl-zoom"},
    h("div", {class: "seg", role: "group", "aria-label": "Zoom"},
      h("button", {type: "button", "aria-label": "Zoom out", title: "Zoom out (−)", onclick: () => does.zoom(1 / 1.5)}, "−"), fit,
      h("button", {type: "button", "aria-label": "Zoom in", title: "Zoom in (+)", onclick: () => does.zoom(1.5)}, "+")), follow);
  const input = /** @type {HTMLInputElement} */ (h("input", {type: "search", placeholder: "Find a step", "aria-label": "Find a step", autocomplete: "off", spellcheck: "false",
    oninput: () => does.find(input.value),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      if (!input.value) return input.blur();
      input.value = "";
      does.find("");
    }}));
  const count = h("span", {class: "tl-count"});
  const box = /** @type {HTMLInputElement} */ (h("input", {type: "checkbox", class: "check", onchange: () => does.fold(box.checked)}));
  const fold = h("label", {class: "tl-foldbox"}, box, "Fold idle time");
  return {
    zoom,
    find: h("div", {class: "tl-find"}, icon("search"), input, count),
    fold,
    focus: () => input.focus(),
    clear: () => { input.value = ""; },
    /** @param {boolean} on */
    zoomed(on) {
      fit.classList.toggle("on", !on);
      fit.setAttribute("aria-pressed", String(!on));
    },
    /** @param {boolean} on */
    followed: (on) => follow.setAttribute("aria-pressed", String(on)),
    /** @param {{count: number, live: boolean, follow: boolean, fold: boolean, foldable: boolean}} state */
    state(state) {
      count.textContent = `${state.count.toLocaleString("en")} ${state.count === 1 ? "call" : "calls"}`;
      follow.hidden = !state.live;
      follow.setAttribute("aria-pressed", String(state.follow));
      box.checked = state.fold;
      fold.hidden = !state.foldable;
    },
  };
}

/** @param {string} text @param {SVGElement[]} parts */
const entry = (text, ...parts) => h("li", {}, svg("svg", {width: 28, height: 18, "aria-hidden": "true"}, ...parts), text);

/** @typedef {"queue"|"attempt"|"failed"|"backoff"|"unknown"|"wait"|"sleep"|"child"|"scope"|"undo"|"away"} Meaning */

/**
 * What the forms mean; only those that are drawn.
 * @returns {{element: HTMLElement, tell: (drawn: Set<Meaning>) => void}}
 */
export function legend() {
  /** @type {[Meaning, HTMLElement][]} */
  const entries = [
    ["queue", entry("in queue", svg("rect", {class: "b-queue", fill: "url(#sw-queue)", x: 4, y: 4.5, width: 18, height: 9, rx: 1.5}))],
    ["attempt", entry("attempt", svg("rect", {class: "b-attempt s-succeeded", x: 4, y: 2, width: 18, height: 14, rx: 1.5}))],
    ["failed", entry("failed", svg("rect", {class: "b-attempt s-failed", x: 2, y: 2, width: 20, height: 14, rx: 1.5}), svg("rect", {class: "b-hatch", fill: "url(#sw-failed)", x: 2, y: 2, width: 20, height: 14}), svg("line", {class: "b-post", x1: 22, x2: 22, y1: 0, y2: 18}))],
    ["unknown", entry("outcome unknown", svg("path", {class: "b-unknown", d: "M23 3H5V15H23"}), svg("line", {class: "b-unknown b-dashed", x1: 23, x2: 23, y1: 3, y2: 15}), svg("text", {class: "b-ask", x: 11, y: 13}, "?"))],
    ["backoff", entry("backoff", svg("line", {class: "b-backoff", x1: 8, x2: 24, y1: 9, y2: 9}))],
    ["wait", entry("wait for event", svg("line", {class: "b-wait", x1: 4, x2: 20, y1: 9, y2: 9}), svg("circle", {class: "b-ring", cx: 4, cy: 9, r: 3.5}), svg("path", {class: "b-diamond", d: "M21 3l6 6l-6 6l-6 -6z"}))],
    ["sleep", entry("sleep", svg("line", {class: "b-sleep", x1: 2, x2: 26, y1: 9, y2: 9}), svg("line", {class: "b-cap", x1: 2, x2: 2, y1: 4, y2: 14}), svg("line", {class: "b-cap", x1: 26, x2: 26, y1: 4, y2: 14}))],
    ["child", entry("child run", svg("rect", {class: "b-attempt s-succeeded", x: 4, y: 0, width: 18, height: 13, rx: 1.5}), svg("line", {class: "b-under s-succeeded", x1: 7, x2: 19, y1: 16, y2: 16}))],
    ["scope", entry("scope", svg("path", {class: "b-scope", d: "M4 13V6H24v7"}))],
    ["undo", entry("undo", svg("rect", {class: "b-undo", x: 3, y: 3, width: 22, height: 12, rx: 1.5}), svg("path", {class: "b-undo-mark", d: "M15.5 6l-3 3l3 3"}))],
    ["away", entry("not in memory", svg("line", {class: "b-away", x1: 4, x2: 24, y1: 9, y2: 9}))],
  ];
  const element = h("ul", {class: "tl-legend", "aria-label": "Legend"}, ...entries.map(([, each]) => each));
  return {
    element,
    tell(drawn) {
      for (const [meaning, each] of entries) each.hidden = !drawn.has(meaning);
      element.hidden = drawn.size < 2;
    },
  };
}

/**
 * Which forms a run and its calls are drawn with.
 * @param {import("./layout.js").Call[]} calls
 * @param {boolean} away whether the run has ever left memory
 * @param {boolean} queued whether it was not claimed at once
 * @returns {Set<Meaning>}
 */
export function meanings(calls, away, queued) {
  /** @type {Set<Meaning>} */
  const found = new Set(away ? ["away"] : []);
  if (queued) found.add("queue");
  for (const call of calls) {
    if (call.kind === "undo") found.add("undo");
    else if (call.kind === "timeout") found.add("sleep");
    else if (call.kind === "wait" || call.kind === "sleep" || call.kind === "child" || call.kind === "scope") found.add(call.kind);
    else found.add("attempt");
    if (call.attempts[0]?.began_at && call.opened_at && call.attempts[0].began_at > call.opened_at) found.add("queue");
    for (const attempt of call.attempts) if (attempt.status === "failed" || attempt.status === "unknown") found.add(attempt.status);
    if (call.attempts.length > 1) found.add("backoff");
  }
  return found;
}
