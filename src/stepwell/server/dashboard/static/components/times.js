// Moments that are read relative to now: kept fresh together, once in a few seconds, without moving anything else.

import {h, say} from "../lib/dom.js";
import {relative, stamp} from "../lib/format.js";
import {serverNow} from "../lib/servertime.js";

const PACE = 5000;

/** A relative time with the whole one for who asks. @param {string|null} moment @param {string} [kind] */
export function ago(moment, kind = "") {
  const at = stamp(moment);
  if (at === null) return h("span", {class: kind || null}, "–");
  return h("time", {class: `ago ${kind}`.trim(), datetime: moment}, relative(at));
}

/** Sets a `time` made by `ago` to another moment. @param {Element} element @param {string} moment */
export function setAgo(element, moment) {
  if (element.getAttribute("datetime") !== moment) element.setAttribute("datetime", moment);
  say(element, relative(stamp(moment) ?? 0));
}

window.setInterval(() => {
  if (document.hidden) return;
  const now = serverNow();
  for (const element of document.querySelectorAll("time.ago")) {
    const at = stamp(element.getAttribute("datetime"));
    if (at !== null) say(element, relative(at, now));
  }
}, PACE);
