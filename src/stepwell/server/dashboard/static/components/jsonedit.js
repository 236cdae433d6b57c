// An editor for JSON: line numbers, and the first mistake with its place while one types.

import {parse} from "./jsontext.js";
import {h} from "../lib/dom.js";

/**
 * @param {any} value undefined shows an empty text
 * @param {{label: string, onChange: (value: any, mistake: import("./jsontext.js").Mistake|null) => void, rows?: number}} options
 * @returns {{element: HTMLElement, set: (value: any) => void, focus: () => void, mistake: () => import("./jsontext.js").Mistake|null}}
 */
export function jsonEditor(value, {label, onChange, rows = 6}) {
  const numbers = h("div", {class: "je-numbers", "aria-hidden": "true"});
  const area = /** @type {HTMLTextAreaElement} */ (h("textarea", {class: "je-text", spellcheck: "false", autocomplete: "off", wrap: "off", "aria-label": label, rows: String(rows)}));
  const status = h("p", {class: "je-status", role: "status"});
  /** @type {import("./jsontext.js").Mistake|null} */
  let mistake = null;

  const count = () => {
    const lines = area.value.split("\n").length;
    area.rows = Math.min(28, Math.max(rows, lines + 1));
    if (numbers.children.length !== lines) numbers.replaceChildren(...Array.from({length: lines}, (_, index) => h("div", {}, String(index + 1))));
    [...numbers.children].forEach((line, index) => line.classList.toggle("je-wrong", mistake !== null && mistake.line === index + 1));
  };
  const check = () => {
    const text = area.value.trim();
    const result = text ? parse(area.value) : {value: undefined, mistake: null};
    mistake = result.mistake;
    status.textContent = mistake ? `Line ${mistake.line}, column ${mistake.column}: ${mistake.message}` : "";
    area.setAttribute("aria-invalid", String(mistake !== null));
    count();
    return result.value;
  };
  /** @param {any} next */
  const set = (next) => {
    area.value = next === undefined ? "" : JSON.stringify(next, null, 2);
    check();
  };
  area.addEventListener("input", () => {
    const next = check();
    onChange(next, mistake);
  });
  area.addEventListener("scroll", () => { numbers.scrollTop = area.scrollTop; });
  set(value);
  return {element: h("div", {class: "je"}, h("div", {class: "je-frame"}, numbers, area), status), set, focus: () => area.focus(), mistake: () => mistake};
}
