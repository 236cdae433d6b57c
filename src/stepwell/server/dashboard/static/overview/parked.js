// Runs that need a person: they are parked until somebody decides.

import {stateIcon} from "../components/icons.js";
import {nothing} from "../components/loading.js";
import {ago} from "../components/times.js";
import {h, say} from "../lib/dom.js";
import {number} from "../lib/format.js";
import {href, link} from "../lib/router.js";

export function parkedPanel() {
  const words = h("span", {class: "quiet"});
  const more = h("span", {class: "panel-end"});
  const list = h("div", {class: "asks-list"});
  let shown = "";
  return {
    element: h("section", {class: "panel", "aria-labelledby": "asks"}, h("div", {class: "panel-head"}, h("h2", {id: "asks"}, "Needs a person"), words, more), list),
    /** @param {any} now of the overview */
    tell(now) {
      const total = now.by_status.parked ?? 0;
      const signature = JSON.stringify([total, now.parked.map((/** @type {any} */ run) => [run.id, run.now])]);
      if (signature === shown) return;
      shown = signature;
      say(words, total ? `${number(total)} parked` : "");
      more.replaceChildren(...(total > now.parked.length ? [link("/runs?state=parked", "All parked")] : []));
      list.replaceChildren(...(now.parked.length ? now.parked.map(line) : [nothing("Nobody. A run is parked when its code no longer fits its history, or when it took workers down with it.")]));
    },
  };
}

/**
 * Why it is parked, in the words that differ from run to run: the two sides of a comparison, where there is one.
 * @param {any} run
 */
export function whyOf(run) {
  const sides = [...(run.reason ?? "").matchAll(/^ +([^:]+?): +(.+)$/gm)].map(([, label, text]) => [label.trim().replace(/, entry \d+$/, ""), text.trim()]);
  if (sides.length === 2) return sides.map(([label, text]) => `${label}${label.endsWith(" for") ? "" : " has"} ${text}`).join(", ");
  return run.now ?? run.reason ?? "parked";
}

/** @param {any} run */
const line = (run) => h("div", {class: "asks-line"}, stateIcon("parked"), h("div", {class: "asks-what"},
  h("p", {class: "cut-text"}, h("a", {class: "name mono", href: href(`/runs/${encodeURIComponent(run.id)}`)}, h("bdi", {dir: "auto"}, run.id)), " ", h("bdi", {class: "soft", dir: "auto"}, run.workflow)), h("p", {class: "second cut-text", title: run.reason ?? run.now ?? ""}, h("bdi", {dir: "auto"}, whyOf(run)))),
  ago(run.started_at ?? run.created_at, "quiet"), h("a", {class: "button", href: href(`/runs/${encodeURIComponent(run.id)}`), "aria-label": `Inspect ${run.id}`}, "Inspect"));
