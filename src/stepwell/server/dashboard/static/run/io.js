// Input and result of a run, whole and side by side.

import {open} from "./layout.js";
import {valueSection} from "./values.js";
import {h} from "../lib/dom.js";

/** @typedef {import("./store.js").RunStore} RunStore */

/**
 * @param {RunStore} store
 * @param {{value: (seq: number, run?: string) => Promise<any>, valueUrl: (seq: number, run?: string) => string}} hooks
 */
export function ioTab(store, hooks) {
  const input = h("div", {class: "io-side"});
  const result = h("div", {class: "io-side"});
  const element = h("div", {class: "tab-pane io"}, input, result);
  let shown = "";
  let schemas = "";
  const tell = () => {
    const {detail, workflow} = store;
    const known = `${Boolean(workflow)}`;
    if (known !== schemas) {
      schemas = known;
      input.replaceChildren(valueSection({title: "Input", value: detail.input, size: null, schema: workflow?.input_schema ?? null, empty: "No input.", seq: null, hooks}));
    }
    const signature = JSON.stringify([detail.status, detail.result, known]);
    if (signature === shown) return;
    shown = signature;
    const living = open(detail.status) || detail.status === "paused" || detail.status === "parked";
    result.replaceChildren(valueSection({title: "Result", value: detail.result, size: null, schema: workflow?.output_schema ?? null, empty: living ? "None yet. Recorded when the run succeeds." : detail.status === "succeeded" ? "Nothing was returned." : "None. It did not succeed.", seq: null, hooks}));
  };
  tell();
  return {element, tell};
}
