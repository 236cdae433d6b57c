// The controls of single values: text, numbers, choices, switches, moments, files.

import {icon} from "./icons.js";
import {parse} from "./jsontext.js";
import {constant, segments} from "./schema.js";
import {h} from "../lib/dom.js";

/** @typedef {import("./schema.js").Field} Field */
/**
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {HTMLElement} focus what takes the focus, and carries the error
 * @property {HTMLElement|null} [below] a line under it
 * @property {boolean} [labelled] it carries its own label
 */
/**
 * @typedef {object} Slot
 * @property {string} id
 * @property {string} name
 * @property {any} value
 * @property {boolean} required
 * @property {(value: any) => void} set undefined takes the value out
 */

let made = 0;
/** A name for an element of this page. */
export const fresh = () => `f${++made}`;

/**
 * The control for a field whose value has no parts.
 * @param {Field} field
 * @param {Slot} slot
 * @returns {Control}
 */
export function control(field, slot) {
  const numbers = segments(field);
  if (numbers) return segmented(numbers, slot);
  switch (field.kind) {
    case "const": return fixed(field);
    case "choice": return choice(field, slot);
    case "boolean": return field.nullable ? maybe(slot) : toggle(slot);
    case "integer": case "number": return number(slot, field);
    case "datetime": return moment(slot, field);
    case "date": return text(slot, field, {type: "date"});
    case "binary": return file(slot, field);
    case "json": case "map": case "object": case "union": case "table": case "list": return json(slot);
    default: return text(slot, field, field.kind === "decimal" ? {inputmode: "decimal", class: "input"} : {});
  }
}

/** @param {Slot} slot @param {Field} field what an emptied control means */
const nothing = (slot, field) => (slot.required && field.nullable ? null : undefined);

/** @param {Slot} slot @param {Field} field @param {Record<string, any>} [more] @returns {Control} */
function text(slot, field, more = {}) {
  const isLong = typeof slot.value === "string" && slot.value.includes("\n");
  const shown = slot.value === undefined || slot.value === null ? "" : typeof slot.value === "string" ? slot.value : JSON.stringify(slot.value);
  const element = /** @type {HTMLInputElement} */ (h(isLong ? "textarea" : "input", {id: slot.id, class: "input mono", autocomplete: "off", spellcheck: "false", dir: "auto", placeholder: "Empty", ...(isLong ? {rows: "4"} : {}), ...more,
    oninput: () => slot.set(element.value === "" ? nothing(slot, field) : element.value)}));
  element.value = shown;
  return {element, focus: element};
}

/** @param {Slot} slot @param {Field} field @returns {Control} */
function number(slot, field) {
  return text({...slot, set: (typed) => {
    const clean = typeof typed === "string" ? typed.trim().replace("−", "-") : typed;
    slot.set(typeof clean === "string" && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(clean) && Number.isFinite(Number(clean)) ? Number(clean) : typed);
  }}, field, {inputmode: field.kind === "integer" ? "numeric" : "decimal", class: "input"});
}

/** @param {Field} field @returns {Control} */
function fixed(field) {
  const element = h("span", {class: "mono form-fixed"}, String(constant(field.schema)));
  return {element, focus: element};
}

/** @param {Field} field @param {Slot} slot @returns {Control} */
function choice(field, slot) {
  const values = field.schema.enum;
  const chosen = values.findIndex((/** @type {any} */ each) => JSON.stringify(each) === JSON.stringify(slot.value));
  const element = /** @type {HTMLSelectElement} */ (h("select", {id: slot.id, class: "input", onchange: () => slot.set(element.value === "" ? nothing(slot, field) : values[Number(element.value)])},
    chosen < 0 || !slot.required || field.nullable ? h("option", {value: ""}, slot.required && !field.nullable ? "Choose" : "None") : null,
    ...values.map((/** @type {any} */ each, /** @type {number} */ index) => h("option", {value: String(index)}, String(each)))));
  element.value = chosen < 0 ? "" : String(chosen);
  return {element: h("span", {class: "select"}, element, icon("chevron-down")), focus: element};
}

/** @param {Slot} slot @returns {Control} */
function maybe(slot) {
  const element = /** @type {HTMLSelectElement} */ (h("select", {id: slot.id, class: "input", onchange: () => slot.set(element.value === "" ? (slot.required ? null : undefined) : element.value === "true")},
    h("option", {value: ""}, "None"), h("option", {value: "true"}, "true"), h("option", {value: "false"}, "false")));
  element.value = typeof slot.value === "boolean" ? String(slot.value) : "";
  return {element: h("span", {class: "select"}, element, icon("chevron-down")), focus: element};
}

/** @param {Slot} slot @returns {Control} */
function toggle(slot) {
  const element = h("button", {type: "button", id: slot.id, class: "switch", role: "switch", "aria-checked": String(slot.value === true), onclick: () => {
    const on = element.getAttribute("aria-checked") !== "true";
    element.setAttribute("aria-checked", String(on));
    slot.set(on);
  }}, h("span", {class: "switch-knob", "aria-hidden": "true"}));
  return {element, focus: element};
}

/** @param {number[]} numbers @param {Slot} slot @returns {Control} */
function segmented(numbers, slot) {
  /** @param {number} index */
  const choose = (index) => {
    const again = buttons[index].getAttribute("aria-checked") === "true" && !slot.required;
    buttons.forEach((button, other) => {
      button.setAttribute("aria-checked", String(other === index && !again));
      button.tabIndex = other === index ? 0 : -1;
    });
    slot.set(again ? undefined : numbers[index]);
  };
  const buttons = numbers.map((each, index) => /** @type {HTMLButtonElement} */ (h("button", {type: "button", role: "radio", "aria-checked": String(each === slot.value), tabindex: each === slot.value || (index === 0 && !numbers.includes(slot.value)) ? "0" : "-1", onclick: () => choose(index)}, String(each))));
  const element = h("div", {class: "choices", role: "radiogroup", id: slot.id, "aria-label": slot.name, onkeydown: (/** @type {KeyboardEvent} */ event) => {
    const by = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (!by) return;
    event.preventDefault();
    const next = (buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)) + by + buttons.length) % buttons.length;
    buttons[next].focus();
    if (buttons[next].getAttribute("aria-checked") !== "true") choose(next);
  }}, ...buttons);
  return {element, focus: buttons.find((button) => button.tabIndex === 0) ?? buttons[0]};
}

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {Slot} slot @param {Field} field @returns {Control} */
function moment(slot, field) {
  const below = h("span", {class: "form-below"});
  /** @param {any} value */
  const tell = (value) => {
    const at = typeof value === "string" ? new Date(value) : null;
    below.textContent = at && !Number.isNaN(at.getTime()) ? `${at.toISOString().slice(0, 19).replace("T", " ").replace(/:00$/, "")} UTC` : "";
  };
  const inner = text({...slot, value: local(slot.value), set: (typed) => {
    const value = typeof typed === "string" ? instant(typed) : typed;
    tell(value);
    slot.set(value);
  }}, field, {class: "input", placeholder: "2026-11-21 14:35"});
  tell(slot.value);
  return {element: h("span", {class: "with-zone"}, inner.element, h("span", {class: "zone", "aria-hidden": "true"}, zone())), focus: inner.focus, below};
}

/** @param {any} value a moment as the clock on the wall shows it */
function local(value) {
  const at = typeof value === "string" ? new Date(value) : null;
  if (!at || Number.isNaN(at.getTime())) return value;
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const seconds = at.getSeconds() ? `:${two(at.getSeconds())}` : "";
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}${seconds}`;
}

/** @param {string} typed @returns {string} in UTC; what is no moment stays as it was typed */
function instant(typed) {
  const clean = typed.trim();
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(clean)) return typed;
  const at = new Date(clean.replace(" ", "T"));
  return Number.isNaN(at.getTime()) ? typed : at.toISOString().replace(".000Z", "Z");
}

/** @param {Slot} slot @param {Field} field @returns {Control} */
function file(slot, field) {
  const inner = text(slot, field, {placeholder: "base64"});
  const input = /** @type {HTMLInputElement} */ (inner.element);
  const chooser = /** @type {HTMLInputElement} */ (h("input", {type: "file", hidden: true, onchange: async () => {
    const chosen = chooser.files?.[0];
    if (!chosen) return;
    const data = new Uint8Array(await chosen.arrayBuffer());
    let binary = "";
    for (let at = 0; at < data.length; at += 0x8000) binary += String.fromCharCode(...data.subarray(at, at + 0x8000));
    input.value = btoa(binary);
    slot.set(input.value);
  }}));
  return {element: h("span", {class: "with-button"}, input, chooser, h("button", {type: "button", class: "button", onclick: () => chooser.click()}, "Choose file")), focus: input};
}

/** @param {Slot} slot @returns {Control} */
function json(slot) {
  const below = h("span", {class: "form-below"});
  const element = /** @type {HTMLTextAreaElement} */ (h("textarea", {id: slot.id, class: "input mono", rows: "3", spellcheck: "false", placeholder: "JSON", oninput: () => {
    const typed = element.value;
    if (!typed.trim()) { below.textContent = ""; return slot.set(undefined); }
    const {value, mistake} = parse(typed);
    below.textContent = mistake ? `Line ${mistake.line}, column ${mistake.column}: ${mistake.message}` : "";
    slot.set(mistake ? typed : value);
  }}));
  element.value = slot.value === undefined ? "" : JSON.stringify(slot.value, null, 2);
  return {element, focus: element, below};
}
