// Views of the list: named filters, those that everybody needs and those saved here; each is an address.

import {stateIcon} from "../components/icons.js";
import {problemToast, toast} from "../components/toasts.js";
import {open} from "../components/dialog.js";
import {openMenu} from "../components/menu.js";
import {h, say} from "../lib/dom.js";
import {compact, number} from "../lib/format.js";
import {href} from "../lib/router.js";
import {recall, remember} from "../lib/store.js";
import {isEmpty, read, same} from "./filter.js";

const ACTIVE = ["queued", "running", "waiting", "paused"];
/** @typedef {{name: string, query: string, saved?: boolean}} View */
/** @type {View[]} */
const OWN = [{name: "All", query: ""}, {name: "Active", query: "state=queued,running,waiting,paused"}, {name: "Needs a person", query: "state=parked"}, {name: "Failed", query: "state=failed"}, {name: "Last 24 h", query: "since=24h"}];

/** @returns {View[]} */
const kept = () => recall("views", /** @type {View[]} */ ([])).filter((view) => view && typeof view.name === "string" && typeof view.query === "string");

/** @param {{open: (query: URLSearchParams) => void, filter: () => import("./filter.js").Filter}} around */
export function views(around) {
  const room = h("nav", {class: "views", "aria-label": "Views"});
  const save = h("button", {type: "button", class: "view view-save", onclick: () => void keep()}, "Save view");
  /** @type {Record<string, number>} */
  let byStatus = {};
  /** @type {Record<string, number|null>} */
  let totals = {};
  /** @type {number|null} how many the list itself has: the present view says the same */
  let listed = null;

  function draw() {
    const filter = around.filter();
    const list = [...OWN, ...kept().map((view) => ({...view, saved: true}))];
    const at = list.findIndex((view) => same(read(new URLSearchParams(view.query)), filter));
    room.replaceChildren(...list.map((view, index) => entry(view, index === at)), ...(at < 0 && !isEmpty(filter) ? [save] : []));
    tell();
  }

  /** @param {View} view @param {boolean} on */
  function entry(view, on) {
    const link = h("a", {class: "view", href: href(`/runs${view.query ? `?${view.query}` : ""}`), "aria-current": on ? "page" : null, "data-view": view.name, onclick: (/** @type {MouseEvent} */ event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      if (on && view.saved) openMenu(link, [{label: `Remove the view ${view.name}`, icon: "close", run: () => drop(view.name)}], {end: false});
      else around.open(new URLSearchParams(view.query));
    }}, view.name === "Needs a person" ? stateIcon("parked", 14) : null, h("span", {}, view.name), h("span", {class: "view-count"}));
    return link;
  }

  function tell() {
    const sum = (/** @type {string[]} */ names) => names.reduce((total, name) => total + (byStatus[name] ?? 0), 0);
    const known = Object.keys(byStatus).length > 0;
    const counts = /** @type {Record<string, number|null>} */ ({All: known ? sum(Object.keys(byStatus)) : null, Active: known ? sum(ACTIVE) : null, "Needs a person": known ? sum(["parked"]) : null, Failed: known ? sum(["failed"]) : null, ...totals});
    for (const link of room.querySelectorAll("[data-view]")) {
      const known = counts[link.getAttribute("data-view") ?? ""];
      const n = known !== undefined && link.getAttribute("aria-current") ? listed ?? known : known;
      say(/** @type {Element} */ (link.querySelector(".view-count")), n === null || n === undefined ? "" : n > 99_999 ? compact(n) : number(n));
    }
  }

  async function keep() {
    const name = await open({title: "Save this filter as a view", focus: "input", build: (close) => {
      const field = h("input", {class: "input", "aria-label": "Name of the view", maxlength: "40", autocomplete: "off"});
      return [h("form", {method: "dialog", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); if (field.value.trim()) close(field.value.trim()); else field.focus(); }},
        h("div", {class: "dialog-body"}, h("p", {}, "It is kept in this browser. Its address can be shared."), h("label", {class: "dialog-typed"}, "Name", field)), h("div", {class: "dialog-foot"}, h("button", {type: "button", class: "button", onclick: () => close()}, "Leave"), h("button", {type: "submit", class: "button primary"}, "Save view")))];
    }});
    if (!name) return;
    if (OWN.some((view) => view.name === name)) return void problemToast(new Error(`${name} is the name of a view that is always there.`), "Not saved.");
    remember("views", [...kept().filter((view) => view.name !== name), {name, query: decodeURIComponent(location.search.slice(1))}]);
    toast(`Saved ${name}`);
    draw();
  }

  /** @param {string} name */
  function drop(name) {
    const before = kept();
    remember("views", before.filter((view) => view.name !== name));
    draw();
    toast(`Removed ${name}`, {label: "Put back", run: () => { remember("views", before); draw(); }});
  }

  return {
    element: room, draw,
    /** @param {Record<string, number>} counts @param {Record<string, number|null>} [more] */
    tell(counts, more) {
      byStatus = counts;
      totals = more ?? totals;
      tell();
    },
    /** @param {number|null} total of the list; null while it is counted */
    list(total) {
      listed = total;
      tell();
    },
  };
}
