// The section on other runs that failed like this one: how many, when, and a retry for all of them.

import {now} from "./clock.js";
import {stamp} from "./layout.js";
import {confirm} from "../components/dialog.js";
import {icon} from "../components/icons.js";
import {problemToast, toast} from "../components/toasts.js";
import {h, svg} from "../lib/dom.js";
import {relative} from "../lib/format.js";
import {link} from "../lib/router.js";

/** @typedef {import("./same.js").Cause} Cause */

const WIDE = 368;
const HIGH = 40;

/**
 * @param {Cause} cause
 * @param {string} to the list of those runs
 * @param {((cause: Cause) => void)|null} retryAll null where the key may not
 */
export function causeSection(cause, to, retryAll) {
  const first = stamp(cause.first_at);
  return h("section", {class: "insp-section same"},
    h("div", {class: "insp-bar"}, h("h3", {}, "Same cause"), h("span", {class: "quiet"}, `${cause.count.toLocaleString("en")} ${cause.count === 1 ? "run" : "runs"}${first === null ? "" : `, first ${relative(first, now())}`}`)),
    cause.spark?.length ? spark(cause.spark) : null,
    h("p", {class: "same-ends"}, h("span", {}, "24 h ago"), h("span", {}, "now")),
    h("p", {class: "same-do"}, retryAll && cause.count > 1 ? h("button", {type: "button", class: "button small", onclick: () => retryAll(cause)}, icon("retry"), `Retry all ${cause.count.toLocaleString("en")}…`) : null, link(to, "Show them")));
}

/** @param {number[]} counts drawn as steps: a bucket is one value */
function spark(counts) {
  const most = Math.max(1, ...counts);
  const step = WIDE / counts.length;
  const path = counts.map((count, index) => `${index ? "" : "M0 "}${index ? "V" : ""}${(HIGH - 1 - (count / most) * (HIGH - 3)).toFixed(1)}H${((index + 1) * step).toFixed(1)}`).join("");
  return svg("svg", {class: "same-spark", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": `${counts.reduce((sum, each) => sum + each, 0)} failures in the last day`},
    svg("path", {class: "same-area", d: `${path}V${HIGH}H0z`}), svg("path", {class: "same-line", d: path}));
}

/**
 * Retries all runs of a cause, after a look at what that means.
 * @param {any} api
 * @param {Cause} cause
 */
export async function retryAll(api, cause) {
  try {
    const plan = await api.post("/bulk/preview", {action: "retry", filter: cause.filter});
    if (!plan.allowed) return void toast("None of them can be retried now");
    const refused = (plan.refused ?? []).map((/** @type {any} */ each) => `${each.count} ${each.why}`).join(", ");
    const sure = await confirm({title: `Retry ${plan.allowed.toLocaleString("en")} failed ${plan.allowed === 1 ? "run" : "runs"}?`, body: `Each goes on from its failed step. Recorded results are kept.${refused ? ` Not retried: ${refused}.` : ""}`, verb: `Retry ${plan.allowed.toLocaleString("en")} ${plan.allowed === 1 ? "run" : "runs"}`});
    if (!sure) return;
    const bulk = await api.post("/bulk", {action: "retry", filter: cause.filter, expect: plan.matched});
    toast(`Retrying ${(bulk.total ?? plan.allowed).toLocaleString("en")} runs`);
  } catch (error) {
    problemToast(error, "Not retried.");
  }
}
