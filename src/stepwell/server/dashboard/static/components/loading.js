// What stands in for content: nothing for 200 ms, then lines at the final height; or what failed, with a way to try again.

import {icon, stateIcon} from "./icons.js";
import {h} from "../lib/dom.js";
import {session} from "../lib/api.js";

const AFTER = 200;

/** Skeleton lines that appear only when it takes long. @param {number} rows @param {{height?: number, label?: string}} [options] */
export function skeleton(rows, {height = 37, label = "Loading"} = {}) {
  const element = h("div", {class: "sk", "aria-busy": "true", "aria-label": label, role: "status", style: {"--sk-row": `${height}px`}});
  window.setTimeout(() => {
    element.append(...Array.from({length: rows}, (_, index) => h("div", {class: "sk-line"}, h("span", {class: "sk-dot"}), h("span", {class: "sk-text", style: {width: `${[52, 38, 45, 60, 34][index % 5]}%`}}), h("span", {class: "sk-end"}))));
  }, AFTER);
  return element;
}

/**
 * What failed, why, what to do, the code; and a button beside it.
 * @param {any} error @param {{what: string, again?: () => void}} options
 */
export function refusal(error, {what, again}) {
  const scope = error?.status === 403;
  return h("div", {class: "refusal", role: "alert"}, stateIcon("failed"),
    h("div", {class: "refusal-text"}, h("p", {}, h("strong", {}, what), " ", h("bdi", {dir: "auto"}, scope ? scopeText(error) : error?.message ?? "")), error?.hint ? h("p", {class: "quiet"}, h("bdi", {dir: "auto"}, error.hint)) : null, error?.code ? h("p", {class: "mono quiet"}, error.code) : null),
    again && !scope ? h("button", {type: "button", class: "button small", onclick: again}, icon("retry"), "Try again") : null);
}

/** @param {any} error */
const scopeText = (error) => error.detail || `This key${session.name ? ` (${session.name})` : ""} is not allowed to.`;

/** One line for a section that has nothing. @param {...import("../lib/dom.js").Child} children */
export const nothing = (...children) => h("p", {class: "nothing"}, ...children);
