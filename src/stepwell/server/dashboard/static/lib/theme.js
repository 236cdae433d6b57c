// The theme: the system's, or the one chosen here, which is remembered. first.js sets it before the first paint.

import {signal} from "./dom.js";

/** @typedef {"system"|"light"|"dark"} Theme */
const NAME = "stepwell.theme";
const ORDER = /** @type {Theme[]} */ (["system", "light", "dark"]);

/** @returns {Theme} */
function kept() {
  const set = document.documentElement.dataset.theme;
  return set === "light" || set === "dark" ? set : "system";
}

export const theme = signal(kept());

/** @param {Theme} next */
export function choose(next) {
  const root = document.documentElement;
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  theme.value = next;
  try {
    if (next === "system") localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, next);
  } catch {
    // It holds for this page.
  }
}

/** The one after the present one. @returns {Theme} */
export const next = () => ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length];
