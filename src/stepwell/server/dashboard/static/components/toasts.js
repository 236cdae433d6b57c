// Short notes at the foot of the page: what was done with its reverse, or what was refused with its code.

import {icon, stateIcon} from "./icons.js";
import {h, say} from "../lib/dom.js";

/** @typedef {{label: string, run: () => void}} Verb */

const SHOWN = 6000;
const MOST = 3;

/** @type {HTMLElement|null} */
let room = null;

function place() {
  if (!room?.isConnected) {
    room = h("section", {class: "toasts", "aria-label": "Notes"});
    document.body.append(room);
  }
  return room;
}

/** @param {HTMLElement} note @param {boolean} stays */
function show(note, stays) {
  const into = place();
  into.append(note);
  while (into.children.length > MOST) into.firstElementChild?.remove();
  if (stays) return () => note.remove();
  let timer = window.setTimeout(() => note.remove(), SHOWN);
  const hold = () => clearTimeout(timer);
  const go = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => note.remove(), SHOWN);
  };
  note.addEventListener("pointerenter", hold);
  note.addEventListener("focusin", hold);
  note.addEventListener("pointerleave", go);
  note.addEventListener("focusout", go);
  return () => note.remove();
}

/** @param {() => void} shut */
const closing = (shut) => h("button", {type: "button", class: "icon-button toast-close", "aria-label": "Close", onclick: shut}, icon("close"));

/**
 * Says what was done. The answer takes the note away.
 * @param {import("../lib/dom.js").Child} text @param {Verb} [verb] the reverse, where there is one
 */
export function toast(text, verb) {
  /** @type {() => void} */
  let shut = () => {};
  const note = h("div", {class: "toast", role: "status"}, stateIcon("succeeded"), h("p", {class: "toast-text"}, h("bdi", {dir: "auto"}, text)),
    verb ? h("button", {type: "button", class: "link toast-verb", onclick: () => { shut(); verb.run(); }}, verb.label) : closing(() => shut()));
  shut = show(note, false);
  return shut;
}

/**
 * Says what was refused, why, and with which code; stays until it is closed.
 * @param {any} error @param {string} [what] "Not cancelled."
 */
export function problemToast(error, what = "") {
  /** @type {() => void} */
  let shut = () => {};
  const said = [what, error?.message].filter(Boolean).join(" ");
  const note = h("div", {class: "toast toast-problem", role: "alert"}, stateIcon("failed"),
    h("div", {class: "toast-text"}, h("p", {}, h("bdi", {dir: "auto"}, said)), error?.hint ? h("p", {class: "quiet"}, h("bdi", {dir: "auto"}, error.hint)) : null, error?.code ? h("p", {class: "mono quiet"}, error.code) : null), closing(() => shut()));
  shut = show(note, true);
  return shut;
}

/** @typedef {{say: (next: string) => void, end: (last: string, status?: string) => void}} Progress */

/**
 * A note that changes while something goes on. `end` lets it leave.
 * @param {string} text
 * @returns {Progress}
 */
export function progressToast(text) {
  const words = h("bdi", {dir: "auto"}, text);
  const sign = h("span", {class: "toast-sign"}, stateIcon("running"));
  const note = h("div", {class: "toast", role: "status"}, sign, h("p", {class: "toast-text"}, words), closing(() => note.remove()));
  show(note, true);
  return {
    /** @param {string} next */
    say: (next) => say(words, next),
    /** @param {string} last @param {string} [status] */
    end(last, status = "succeeded") {
      say(words, last);
      sign.replaceChildren(stateIcon(status));
      window.setTimeout(() => note.remove(), SHOWN);
    },
  };
}
