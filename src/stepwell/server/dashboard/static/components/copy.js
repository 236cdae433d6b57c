// Copying: says "Copied" in place of the sign for a second, and in words for those who hear it.

import {icon} from "./icons.js";
import {h} from "../lib/dom.js";

const SHOWN = 1000;

/** Writes to the clipboard; false where the browser does not let it. @param {string} text */
export async function writeText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return byCommand(text);
  }
}

/** The old way, for pages that are not on a safe origin. @param {string} text */
function byCommand(text) {
  const had = document.activeElement;
  const field = h("textarea", {class: "visually-hidden", "aria-hidden": "true", tabindex: "-1"});
  field.value = text;
  document.body.append(field);
  field.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  field.remove();
  if (had instanceof HTMLElement) had.focus();
  return done;
}

/**
 * A button that copies what `get` gives. `bare`: the sign alone, with the label as its name.
 * @param {() => string|Promise<string>} get @param {string} label @param {boolean} [bare]
 */
export function copyButton(get, label, bare = false) {
  const sign = h("span", {class: "copy-sign"}, icon("copy"));
  const words = h("span", {class: bare ? "visually-hidden" : "copy-label", role: bare ? "status" : null}, bare ? "" : label);
  let timer = 0;
  const button = h("button", {type: "button", class: bare ? "icon-button copy" : "button copy", "aria-label": bare ? label : null, "data-tip": bare ? label : null, onclick: async (/** @type {Event} */ event) => {
    event.stopPropagation();
    const done = await writeText(await get());
    clearTimeout(timer);
    sign.replaceChildren(icon(done ? "check" : "close"));
    words.textContent = done ? "Copied" : "Not copied";
    button.classList.toggle("copied", done);
    timer = window.setTimeout(() => {
      sign.replaceChildren(icon("copy"));
      words.textContent = bare ? "" : label;
      button.classList.remove("copied");
    }, SHOWN);
  }}, sign, words);
  return button;
}
