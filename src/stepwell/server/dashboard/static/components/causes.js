// Causes of failures: one line for runs that failed alike, with a way to their list and one to retry them all.

import {icon} from "./icons.js";
import {sparkline} from "./spark.js";
import {ago} from "./times.js";
import {bulkDialog} from "../runs/bulkdialog.js";
import {session} from "../lib/api.js";
import {h} from "../lib/dom.js";
import {number} from "../lib/format.js";
import {href} from "../lib/router.js";

/** The message with its holes. @param {{text?: string, hole?: string}[]} pieces */
export const messageOf = (pieces) => h("bdi", {dir: "auto"}, pieces.map((piece) => (piece.hole ? h("span", {class: "hole"}, `‹${piece.hole}›`) : piece.text ?? "")));

/** The address of the runs of a cause. @param {any} cause */
export function addressOf(cause) {
  const {filter} = cause;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    const values = Array.isArray(value) ? value : [value];
    query.set(name === "status" ? "state" : name, values.join(","));
  }
  return href(`/runs?${query}`);
}

/**
 * One line of a table of causes.
 * @param {any} cause @param {{wide?: boolean, done: () => void}} options
 */
export function causeRow(cause, {wide = false, done}) {
  const text = cause.message.map((/** @type {any} */ piece) => piece.text ?? `‹${piece.hole}›`).join("");
  const many = `${number(cause.count)} ${cause.count === 1 ? "run" : "runs"}`;
  return h("tr", {}, h("td", {class: "end cause-count"}, h("a", {class: "name", href: addressOf(cause), "aria-label": `${many} failed with ${cause.type}`}, number(cause.count))),
    h("td", {class: "two cause-what"}, h("div", {class: "cut-text", title: `${cause.type} ${text}`}, h("a", {class: "cause-link", href: addressOf(cause)}, h("bdi", {class: "class-name"}, cause.type), " ", h("span", {class: "soft"}, messageOf(cause.message)))), h("div", {class: "second cut-text", title: `${cause.where ?? ""} ${cause.workflow}`}, whereOf(cause))),
    h("td", {class: "cause-spark"}, sparkline(cause.spark, {width: wide ? 160 : 84, height: 24, kind: "red", label: `${many} over the window`})),
    h("td", {class: "two cause-when"}, ago(cause.last_at), h("span", {class: "second"}, ago(cause.first_at))),
    h("td", {class: "end cause-do"}, session.can("operate") ? h("button", {type: "button", class: wide ? "button small" : "button small icon-only", "aria-label": `Retry all ${many}…`, "data-tip": wide ? null : `Retry all ${many}…`, onclick: async () => {
      if (await bulkDialog({action: "retry", filter: cause.filter, states: ["failed"]})) done();
    }}, icon("retry"), wide ? h("span", {class: "wide-word"}, cause.count === 1 ? "Retry…" : `Retry all ${number(cause.count)}…`) : null) : null));
}

/** @param {any} cause */
function whereOf(cause) {
  const [step, place] = (cause.where ?? "").split(/ at (?=[^ ]*$)/);
  const rest = h("a", {class: "soft", href: href(`/workflows/${encodeURIComponent(cause.workflow)}`)}, h("bdi", {dir: "auto"}, cause.workflow));
  if (!cause.where) return ["in ", rest];
  return place ? [h("bdi", {class: "mono"}, place), " in ", h("bdi", {}, step), " · ", rest] : [h("bdi", {class: "mono"}, cause.where), " · ", rest];
}
