// The items of a gathered row as a grid: one cell each, by state, in pages.

import {counted} from "./layout.js";
import {itemsText} from "./rowtext.js";
import {h} from "../lib/dom.js";

/** @typedef {import("./layout.js").Node} Node */

const PAGE = 240;

/**
 * @param {Node} node
 * @param {(id: string) => void} select
 */
export function itemGrid(node, select) {
  const grid = h("div", {class: "items", role: "group", "aria-label": "Items"});
  const pages = Math.ceil(node.children.length / PAGE);
  const troubled = node.children.findIndex((child) => child.status === "failed" || child.status === "unknown");
  let page = troubled < 0 ? 0 : Math.floor(troubled / PAGE);
  const where = h("span", {class: "quiet"});
  const turn = (/** @type {number} */ by) => { page = Math.max(0, Math.min(pages - 1, page + by)); fill(); };
  const fill = () => {
    const from = page * PAGE;
    grid.replaceChildren(...node.children.slice(from, from + PAGE).map((child, index) => h("button", {type: "button", class: `item s-${child.status}`, title: `${child.name} ${from + index + 1}, ${child.status}`, "aria-label": `${from + index + 1}, ${child.status}`, onclick: () => select(child.id)},
      child.status === "failed" ? "×" : child.status === "unknown" ? "?" : String(from + index + 1))));
    where.textContent = `${(from + 1).toLocaleString("en")} to ${Math.min(node.children.length, from + PAGE).toLocaleString("en")} of ${node.children.length.toLocaleString("en")}`;
  };
  fill();
  const failed = counted(node.children).find((each) => each.status === "failed");
  return h("section", {class: "insp-section"}, h("div", {class: "insp-bar"}, h("h3", {}, "Items"), h("span", {class: failed ? "quiet has-failed" : "quiet"}, itemsText(node))), grid,
    pages > 1 ? h("p", {class: "items-pages"}, h("button", {type: "button", class: "link", onclick: () => turn(-1)}, "Previous"), where, h("button", {type: "button", class: "link", onclick: () => turn(1)}, "Next")) : null);
}
