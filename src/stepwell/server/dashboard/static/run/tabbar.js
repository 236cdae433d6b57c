// The tabs of a run: words with counts, chosen by click, arrow keys or number.

import {h} from "../lib/dom.js";

/** @typedef {{id: string, label: string, short?: string, only?: "phone", count?: () => number|undefined, hidden?: () => boolean}} Entry */

/**
 * @param {{controls: HTMLElement, first: string, entries: Entry[], beside: HTMLElement, onChoose: (id: string) => void}} options
 */
export function tabBar({controls, first, entries, beside, onChoose}) {
  let chosen = entries.some((entry) => entry.id === first) ? first : entries[0].id;
  const buttons = new Map(entries.map((entry) => {
    const count = h("span", {class: "tab-count"});
    const button = h("button", {type: "button", role: "tab", id: `tab-${entry.id}`, class: entry.only ? `tab only-${entry.only}` : "tab", "aria-controls": controls.id, onclick: () => choose(entry.id)},
      h("span", {class: entry.short ? "tab-long" : "tab-name"}, entry.label), entry.short ? h("span", {class: "tab-short"}, entry.short) : null, count);
    return [entry.id, {button, count, entry}];
  }));
  const list = h("div", {class: "tabs", role: "tablist", "aria-label": "The run", onkeydown: (/** @type {KeyboardEvent} */ event) => {
    const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!by) return;
    event.preventDefault();
    const open = visible();
    const next = open[(open.indexOf(chosen) + by + open.length) % open.length];
    choose(next);
    buttons.get(next)?.button.focus();
  }}, ...[...buttons.values()].map((each) => each.button));

  /** the tabs that can be chosen now */
  const visible = () => entries.filter((entry) => !buttons.get(entry.id)?.button.hidden && buttons.get(entry.id)?.button.offsetParent !== null).map((entry) => entry.id);

  /** @param {string} id */
  function choose(id) {
    chosen = id;
    for (const [name, {button}] of buttons) {
      button.setAttribute("aria-selected", String(name === id));
      button.tabIndex = name === id ? 0 : -1;
    }
    controls.setAttribute("aria-labelledby", `tab-${id}`);
    onChoose(id);
  }

  return {
    element: h("div", {class: "run-tabs"}, list, beside),
    choose,
    chosen: () => chosen,
    tell() {
      for (const {button, count, entry} of buttons.values()) {
        const number = entry.count?.();
        const text = number ? number.toLocaleString("en") : "";
        if (count.textContent !== text) count.textContent = text;
        button.hidden = entry.hidden?.() ?? false;
      }
    },
    keys: () => [1, 2, 3, 4, 5, 6].map((number) => ({keys: String(number), does: number === 1 ? "tabs" : "", run: () => { const id = visible()[number - 1]; if (id) choose(id); }})),
  };
}
