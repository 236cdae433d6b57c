// Segmented controls: a few choices of which one holds.

import {h} from "../lib/dom.js";

/**
 * `onChange` may answer false: then the old choice stays.
 * @param {{label: string, value: string, options: readonly (readonly [string, string])[], onChange: (value: any) => any, class?: string}} given
 */
export function segmented({label, value, options, onChange, class: kind = ""}) {
  const buttons = options.map(([name, text]) => h("button", {type: "button", class: name === value ? "on" : null, "aria-pressed": String(name === value), "data-value": name, onclick: () => {
    if (onChange(name) === false) return;
    choose(name);
  }}, text));
  /** @param {string} name */
  function choose(name) {
    for (const button of buttons) {
      const on = button.dataset.value === name;
      button.classList.toggle("on", on);
      button.setAttribute("aria-pressed", String(on));
    }
  }
  return h("div", {class: `seg ${kind}`.trim(), role: "group", "aria-label": label}, buttons);
}
