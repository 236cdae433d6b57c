// Under the timeline of a failed run: what failed, where in the user's code, and why.

import {copyTraceback, factsText, frameCount, frames, headline} from "../components/errorview.js";
import {segmented} from "../components/tabs.js";
import {h} from "../lib/dom.js";

/** @typedef {import("./store.js").RunStore} RunStore */
/** @typedef {import("./layout.js").Call} Call */

/**
 * The call that made a run fail: the last that failed with the error of the run.
 * @param {RunStore} store
 * @returns {Call|null}
 */
export function failedCall(store) {
  const failed = store.calls().filter((call) => call.status === "failed" && call.kind !== "scope" && call.kind !== "undo");
  const {error} = store.detail;
  return failed.findLast((call) => error && call.error?.type === error.type) ?? failed.at(-1) ?? null;
}

/** @param {RunStore} store */
export function failurePanel(store) {
  const element = h("section", {class: "failure", "aria-label": "Error"});
  let shown = "";
  let all = false;
  return {
    element,
    tell() {
      const {error, status} = store.detail;
      const visible = Boolean(error) && (status === "failed" || status === "parked");
      element.hidden = !visible;
      if (!visible) return;
      const call = failedCall(store);
      const signature = JSON.stringify([error, call?.id, call?.attempts.length]);
      if (signature === shown) return;
      shown = signature;
      const failure = call?.error?.frames?.length && !error.frames?.length ? call.error : error;
      const content = h("div", {});
      const fill = () => content.replaceChildren(frames(failure, {all}));
      const count = frameCount(failure);
      const library = count > failure.frames.filter((/** @type {any} */ frame) => frame.own).length;
      const attempts = call?.attempts.length ?? 0;
      const same = attempts > 1 && call?.attempts.every((attempt) => attempt.error?.type === failure.type && attempt.error?.message === failure.message);
      const facts = factsText(failure, attempts > 1);
      fill();
      element.replaceChildren(
        h("div", {class: "bar"}, h("h2", {}, "Error", call ? [" in ", h("bdi", {dir: "auto"}, call.name)] : null, attempts > 1 ? `, attempt ${call?.attempts.at(-1)?.n}` : null), same ? h("span", {class: "quiet"}, `same in all ${attempts}`) : null,
          h("span", {class: "bar-end"}, library ? segmented({label: "Frames", value: all ? "all" : "own", options: [["own", "Yours"], ["all", `All ${count} frames`]], onChange: (value) => { all = value === "all"; fill(); return true; }}) : null, copyTraceback(failure))),
        headline(failure, true), ...(facts ? [h("p", {class: "err-facts"}, h("bdi", {}, facts))] : []), content);
    },
  };
}
