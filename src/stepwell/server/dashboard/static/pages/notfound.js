// An address that names no page.

import {h} from "../lib/dom.js";
import {href} from "../lib/router.js";

/** @param {import("../lib/router.js").Place} place @returns {import("../lib/router.js").Page} */
export function notFoundPage({path}) {
  return {title: "Not found", element: h("div", {class: "page page-narrow"}, h("h1", {}, "There is no such page"), h("p", {class: "soft lead"}, "Nothing is at ", h("bdi", {class: "mono", dir: "auto"}, path), "."), h("p", {class: "lead-do"}, h("a", {class: "button", href: href("/runs")}, "All runs"), h("a", {class: "button", href: href("/")}, "Overview")))};
}
