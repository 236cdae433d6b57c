// Tooltips: the name of a sign that stands alone, or a whole moment; after 400 ms, also on focus, gone with Escape.

import {h, say} from "../lib/dom.js";
import {absolute, stamp} from "../lib/format.js";

const AFTER = 400;
const tip = h("div", {class: "tip", role: "tooltip", id: "tip", hidden: true});
let timer = 0;
/** @type {Element|null} */
let over = null;

/** @param {Element} element */
function textOf(element) {
  const own = element.getAttribute("data-tip");
  if (own) return own;
  const at = element.matches("time[datetime]") ? stamp(element.getAttribute("datetime")) : null;
  return at === null ? "" : absolute(at);
}

/** @param {Event} event */
function near(event) {
  const element = /** @type {Element|null} */ (event.target)?.closest?.("[data-tip], time[datetime]:not([title])") ?? null;
  if (element === over) return;
  hide();
  if (!element || (event.type === "focusin" && !element.matches(":focus-visible"))) return;
  over = element;
  timer = window.setTimeout(() => show(element), AFTER);
}

/** @param {Element} element */
function show(element) {
  const text = textOf(element);
  if (!text || !element.isConnected) return;
  say(tip, text);
  (element.closest("dialog") ?? document.body).append(tip);
  tip.hidden = false;
  const at = element.getBoundingClientRect();
  const {width, height} = tip.getBoundingClientRect();
  const beside = element.closest(".sidebar") && at.right + width + 12 < innerWidth;
  const left = beside ? at.right + 8 : Math.max(6, Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 6));
  const top = beside ? at.top + at.height / 2 - height / 2 : at.bottom + height + 10 < innerHeight ? at.bottom + 6 : at.top - height - 6;
  tip.style.setProperty("left", `${left}px`);
  tip.style.setProperty("top", `${top}px`);
}

function hide() {
  clearTimeout(timer);
  over = null;
  tip.hidden = true;
}

/** Begins to listen; once per page. */
export function tips() {
  document.addEventListener("pointerover", near);
  document.addEventListener("focusin", near);
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerdown", hide);
  document.addEventListener("scroll", hide, {capture: true, passive: true});
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}
