// The code a run is made of: what it last ran under, and the versions that its workflow has had.

import {stamp} from "./layout.js";
import {copyButton} from "../components/copy.js";
import {h} from "../lib/dom.js";
import {dayTime} from "../lib/format.js";

/** @typedef {import("./store.js").RunStore} RunStore */

/**
 * @param {RunStore} store
 * @param {{api: any}} around
 */
export function codeTab(store, around) {
  const run = store.detail;
  const versions = h("div", {class: "code-versions"});
  const unknown = run.started_at ? "not known" : "not started yet";
  const element = h("div", {class: "tab-pane code-tab"}, h("dl", {class: "insp-facts"}, ...[["Workflow", run.workflow], ["Last ran under", run.code ?? unknown], ["Python", run.python ?? unknown], ["Pinned to", run.pin ?? "no version"]]
    .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, h("bdi", {class: "mono"}, String(value)))])), versions);
  void (async () => {
    try {
      const found = await around.api.get(`/versions?workflow=${encodeURIComponent(run.workflow)}`);
      versions.replaceChildren(...(found.versions.length ? [...found.versions].sort((a, b) => b.number - a.number).map((version) => versionBox(version, run.code)) : [h("p", {class: "quiet"}, "No version is recorded. A worker records one when it starts.")]));
    } catch (error) {
      versions.replaceChildren(h("p", {class: "form-wrong"}, `The versions could not be read: ${/** @type {Error} */ (error).message}`));
    }
  })();
  return {element, tell: () => undefined};
}

/** @param {any} version @param {string|null} current */
function versionBox(version, current) {
  const at = stamp(version.at);
  return h("section", {class: "code-version"},
    h("div", {class: "bar"}, h("h3", {}, h("bdi", {}, version.name), ` version ${version.number}`), h("bdi", {class: "mono quiet"}, version.code), version.code === current ? h("span", {class: "tag"}, "this run") : null, h("span", {class: "quiet end"}, at === null ? "" : dayTime(at)), version.source ? copyButton(() => version.source, "Copy the source", true) : null),
    version.source ? h("div", {class: "src"}, h("div", {class: "src-lines", tabindex: "0", role: "group", "aria-label": `Source of version ${version.number}`}, ...String(version.source).replace(/\n$/, "").split("\n").map((text, index) => h("div", {class: "src-line"}, h("span", {class: "src-n"}, String(index + 1)), h("code", {}, text || " "))))) : null);
}
