// Failures of a day, by cause.

import {causeRow} from "../components/causes.js";
import {nothing, refusal} from "../components/loading.js";
import {h, say} from "../lib/dom.js";
import {count, number} from "../lib/format.js";
import {link} from "../lib/router.js";

const MOST = 5;

/** @param {() => void} changed */
export function causesPanel(changed) {
  const words = h("span", {class: "quiet"});
  const room = h("div", {class: "causes"});
  let shown = "";
  return {
    element: h("section", {class: "panel", "aria-labelledby": "causes"}, h("div", {class: "panel-head"}, h("h2", {id: "causes"}, "Failures"), words, h("span", {class: "panel-end"}, link("/failures", "Dead letters"))), room),
    /** @param {any} data */
    tell(data) {
      const causes = data.causes.slice(0, MOST);
      say(words, data.total ? `${number(data.total)} in 24 h, ${count(data.causes.length, "cause")}` : "");
      const signature = JSON.stringify(causes);
      if (signature === shown) return;
      shown = signature;
      room.replaceChildren(causes.length ? h("table", {class: "table causes-table"}, h("thead", {}, h("tr", {}, h("th", {class: "end"}, "Runs"), h("th", {}, "Cause"), h("th", {}, "24 h"), h("th", {}, "Last, first"), h("th", {}, h("span", {class: "visually-hidden"}, "Retry")))),
        h("tbody", {}, causes.map((/** @type {any} */ cause) => causeRow(cause, {done: changed})))) : nothing("None in 24 h. Runs that fail are put together here by cause."));
    },
    /** @param {any} error */
    refuse(error) {
      if (!shown) room.replaceChildren(refusal(error, {what: "The causes could not be read.", again: changed}));
    },
  };
}
