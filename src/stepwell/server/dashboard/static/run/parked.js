// Why a run is parked: journal and code side by side, what to do about it, and the verbs that do it.

import {h} from "../lib/dom.js";

/** @typedef {import("./store.js").RunStore} RunStore */
/** @typedef {{text: string, diff: {label: string, text: string}[], advice: string|null}} Why as the API tells it */

/**
 * The block under the sentence of a parked run; hidden where the sentence says all there is.
 * @param {RunStore} store
 * @param {() => HTMLElement[]} verbs buttons for what helps
 */
export function parkedBlock(store, verbs) {
  const element = h("section", {class: "parked", "aria-label": "Why it is parked"});
  let shown = "";
  return {
    element,
    tell() {
      const {status, why, actions} = store.detail;
      const signature = JSON.stringify([status, why, actions]);
      if (signature === shown) return;
      shown = signature;
      /** @type {Why} */
      const {diff, advice} = status === "parked" && why ? why : {text: "", diff: [], advice: null};
      element.hidden = !diff.length && !advice;
      element.replaceChildren(
        ...(diff.length ? [h("dl", {class: "parked-diff"}, ...diff.map(line))] : []),
        h("div", {class: "parked-do"}, advice ? h("p", {}, h("bdi", {dir: "auto"}, advice)) : null, h("div", {class: "parked-verbs"}, ...verbs())));
    },
  };
}

/** @param {{label: string, text: string}} side @param {number} index the first is what is recorded, the others are what differs */
const line = (side, index) => h("div", {class: index ? "parked-line parked-differs" : "parked-line"}, h("dt", {}, side.label), h("dd", {}, h("bdi", {dir: "auto"}, side.text)));
