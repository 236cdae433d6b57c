// Menus: a button opens them, arrows move, letters find, Escape closes and gives the focus back.

import {icon} from "./icons.js";
import {h} from "../lib/dom.js";
import {hush} from "../lib/keys.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} [run]
 * @property {string} [key] shown at the right
 * @property {string} [icon]
 * @property {boolean} [danger]
 * @property {boolean} [checked] makes it an item that is on or off; the menu stays open
 * @property {boolean} [rule] a line above it
 * @property {boolean} [title] a heading, not an item
 */

/** @type {(() => void)|null} */
let shut = null;

/** Closes the menu that is open, if one is. */
export const closeMenu = () => shut?.();

/**
 * Opens a menu at an element.
 * @param {HTMLElement} anchor @param {Item[]} items @param {{label?: string, end?: boolean}} [options]
 */
export function openMenu(anchor, items, {label = "", end = true} = {}) {
  shut?.();
  const speak = hush();
  const list = h("div", {class: "menu", role: "menu", "aria-label": label || null, tabindex: "-1", onkeydown: keyed}, items.map(entry));
  const scope = anchor.closest("dialog") ?? document.body;
  scope.append(list);
  anchor.setAttribute("aria-expanded", "true");
  stand(list, anchor, end);
  entries()[0]?.focus();

  /** @param {Item} item */
  function entry(item) {
    if (item.title) return h("p", {class: "menu-title"}, item.label);
    const sign = item.checked !== undefined ? h("span", {class: "menu-sign"}, item.checked ? icon("check") : null) : item.icon ? icon(item.icon) : null;
    const row = h("button", {type: "button", role: item.checked !== undefined ? "menuitemcheckbox" : "menuitem", tabindex: "-1", class: `menu-item${item.danger ? " danger" : ""}${item.rule ? " ruled" : ""}`, "aria-checked": item.checked === undefined ? null : String(item.checked), onclick: () => {
      if (item.checked === undefined) close(true);
      else {
        item.checked = !item.checked;
        row.setAttribute("aria-checked", String(item.checked));
        sign?.replaceChildren(...(item.checked ? [icon("check")] : []));
      }
      item.run?.();
    }}, sign, h("span", {class: "menu-label"}, item.label), item.key ? h("kbd", {}, item.key) : null);
    return row;
  }

  /** @returns {HTMLElement[]} */
  function entries() {
    return [...list.querySelectorAll("button")];
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const all = entries();
    const at = all.indexOf(/** @type {any} */ (document.activeElement));
    const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1}[event.key];
    if (to !== undefined) all[(to + all.length) % all.length]?.focus();
    else if (event.key === "Escape" || event.key === "Tab") close(event.key === "Escape");
    else if (event.key.length === 1 && /\S/.test(event.key)) {
      const order = [...all.slice(at + 1), ...all.slice(0, at + 1)];
      order.find((each) => each.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Event} event */
  function outside(event) {
    const target = /** @type {Node} */ (event.target);
    if (!list.contains(target) && !anchor.contains(target)) close(false);
  }
  const gone = () => close(false);

  /** @param {boolean} back whether the focus returns */
  function close(back) {
    if (shut !== gone) return;
    shut = null;
    speak();
    document.removeEventListener("pointerdown", outside, true);
    window.removeEventListener("resize", gone);
    anchor.setAttribute("aria-expanded", "false");
    list.remove();
    if (back) anchor.focus({preventScroll: true});
  }

  shut = gone;
  document.addEventListener("pointerdown", outside, true);
  window.addEventListener("resize", gone);
}

/** Puts a floating element under its anchor, or over it where there is more room. @param {HTMLElement} list @param {HTMLElement} anchor @param {boolean} end */
export function stand(list, anchor, end) {
  const at = anchor.getBoundingClientRect();
  const {width, height} = list.getBoundingClientRect();
  const left = Math.max(8, Math.min(end ? at.right - width : at.left, innerWidth - width - 8));
  const below = at.bottom + 4 + height <= innerHeight - 8 || at.top < height + 12;
  const inDialog = list.parentElement !== document.body;
  list.style.setProperty("left", `${left + (inDialog ? 0 : scrollX)}px`);
  list.style.setProperty("top", `${(below ? at.bottom + 4 : at.top - height - 4) + (inDialog ? 0 : scrollY)}px`);
}

/**
 * A button with a menu. Without text it is the sign ⋯, named by the label.
 * @param {{label: string, items: Item[]|(() => Item[]), text?: string, icon?: string, class?: string, end?: boolean}} options
 */
export function menuButton({label, items, text, icon: sign = "more", class: kind = "button", end = true}) {
  const button = h("button", {type: "button", class: text ? kind : `${kind} icon-only`, "aria-label": text ? null : label, "data-tip": text ? null : label, "aria-haspopup": "menu", "aria-expanded": "false", onclick: (/** @type {Event} */ event) => {
    event.stopPropagation();
    if (button.getAttribute("aria-expanded") === "true") closeMenu();
    else openMenu(button, typeof items === "function" ? items() : items.map((item) => ({...item})), {label, end});
  }}, text ? [text, icon("chevron-down")] : icon(sign));
  return button;
}
