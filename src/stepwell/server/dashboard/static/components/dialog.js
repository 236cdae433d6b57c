// Dialogs: for what cannot be undone. The focus is kept inside, starts on the safe button, and returns.

import {h, say} from "../lib/dom.js";
import {hush} from "../lib/keys.js";

/** @typedef {import("../lib/dom.js").Child} Child */
/**
 * @typedef {object} Question
 * @property {string} title the question with its number
 * @property {Child} [body] the consequence
 * @property {string} verb what the button does
 * @property {boolean} [danger]
 * @property {string} [keep] the safe button
 * @property {string} [typed] what has to be typed first
 */

let made = 0;

/**
 * Opens a dialog; resolves with what `close` was given, or null.
 * @param {{title: string, kind?: string, build: (close: (answer?: any) => void) => Child[], focus?: string}} options
 * @returns {Promise<any>}
 */
export function open({title, kind = "", build, focus}) {
  return new Promise((resolve) => {
    const name = `dialog-${++made}`;
    const speak = hush();
    const had = document.activeElement;
    /** @type {any} */
    let answer = null;
    const close = (/** @type {any} */ value = null) => {
      answer = value;
      box.close();
    };
    const box = h("dialog", {class: `dialog ${kind}`, "aria-labelledby": name, onclose: () => {
      speak();
      box.remove();
      if (had instanceof HTMLElement && had.isConnected) had.focus({preventScroll: true});
      resolve(answer);
    }, onclick: (/** @type {Event} */ event) => { if (event.target === box) close(null); }});
    box.append(h("div", {class: "dialog-in"}, h("h2", {id: name, class: "dialog-title"}, h("bdi", {dir: "auto"}, title)), ...(/** @type {any[]} */ (build(close)))));
    document.body.append(box);
    box.showModal();
    const first = box.querySelector(focus ?? "[data-safe]");
    if (first instanceof HTMLElement) first.focus();
  });
}

/**
 * Asks before something that cannot be undone; true when it shall be done.
 * @param {Question} question
 * @returns {Promise<boolean>}
 */
export async function confirm({title, body, verb, danger = false, keep = "Keep as is", typed}) {
  const answer = await open({title, build: (close) => {
    const act = h("button", {type: "submit", class: danger ? "button danger-fill" : "button primary"}, verb);
    const field = typed ? h("input", {class: "input mono", autocomplete: "off", spellcheck: "false", "aria-label": `Type ${typed}`}) : null;
    const note = h("p", {class: "dialog-note", role: "alert"});
    return [h("form", {method: "dialog", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      if (field && field.value !== typed) {
        say(note, `Type ${typed} to go on.`);
        field.focus();
      } else close(true);
    }}, h("div", {class: "dialog-body"}, body, field ? h("label", {class: "dialog-typed"}, "Type ", h("code", {}, typed), " to go on.", field) : null, note),
    h("div", {class: "dialog-foot"}, h("button", {type: "button", class: "button", "data-safe": true, onclick: () => close(null)}, keep), act))];
  }});
  return answer === true;
}
