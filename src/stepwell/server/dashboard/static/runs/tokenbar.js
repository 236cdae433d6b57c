// The filter as one bar of tokens: typing suggests fields, then values; Backspace edits the last token.

import {icon, stateIcon} from "../components/icons.js";
import {h} from "../lib/dom.js";
import {NAMES, empty, isEmpty, matchText, plus, tokens, without} from "./filter.js";
import {fields, isFine, values} from "./suggest.js";

/** @typedef {import("./filter.js").Filter} Filter */
/** @typedef {import("./filter.js").Field} Field */

/**
 * @param {{filter: Filter, rows: () => any[], onChange: (filter: Filter) => void}} given
 */
export function tokenBar({filter: first, rows, onChange}) {
  let filter = first;
  /** @type {Field|null} whose value is being given */
  let editing = null;
  /** @type {import("./suggest.js").Suggestion[]} */
  let found = [];
  let at = 0;
  let asked = 0;
  const pieces = h("span", {class: "tokens"});
  const prefix = h("span", {class: "token-editing", hidden: true});
  const field = h("input", {type: "text", class: "token-field", "aria-label": "Add a filter, or text", role: "combobox", "aria-expanded": "false", "aria-controls": "filter-list", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", oninput: () => void suggest(), onkeydown: keyed, onfocus: () => void suggest(), onblur: () => window.setTimeout(blurred, 120)});
  const total = h("span", {class: "token-total", "aria-live": "polite"});
  const list = h("div", {class: "suggest", hidden: true, onpointerdown: (/** @type {Event} */ event) => event.preventDefault()});
  const bar = h("div", {class: "tokenbar", role: "search", "aria-label": "Filter of runs", onclick: (/** @type {Event} */ event) => { if (event.target === bar || event.target === pieces) field.focus(); }},
    h("span", {class: "token-sign"}, icon("search")), pieces, prefix, field, total, h("button", {type: "button", class: "icon-button token-clear", "aria-label": "Clear the filter", "data-tip": "Clear the filter", onclick: () => change(empty())}, icon("close")), h("kbd", {class: "token-key", "aria-hidden": "true"}, "/"), list);

  /** @param {Filter} next */
  function change(next) {
    filter = next;
    draw();
    onChange(next);
  }

  function draw() {
    bar.classList.toggle("has-tokens", !isEmpty(filter));
    pieces.replaceChildren(...tokens(filter).filter((token) => token.field !== editing).map((token) => h("span", {class: "token"},
      h("button", {type: "button", class: "token-body", title: `${token.name} ${token.operator} ${token.whole}`, onclick: () => edit(token.field)}, h("span", {class: "token-name"}, token.name), h("span", {class: "token-op"}, token.operator), token.state ? stateIcon(token.state, 14) : null, h("bdi", {class: "token-value", dir: "auto"}, token.values.join(", ")), token.more ? h("span", {class: "token-op"}, `+${token.more}`) : null),
      h("button", {type: "button", class: "token-drop", "aria-label": `Remove ${token.name} ${token.operator} ${token.whole}`, onclick: () => { change(without(filter, token.field)); field.focus(); }}, icon("close", {size: 12})))));
    prefix.hidden = editing === null;
    if (editing) {
      const [name, operator] = NAMES[editing];
      prefix.replaceChildren(h("span", {class: "token-name"}, name), h("span", {class: "token-op"}, operator), Array.isArray(filter[editing]) && filter[editing].length ? h("bdi", {class: "token-value"}, /** @type {string[]} */ (filter[editing]).join(", ")) : "");
    }
    field.placeholder = editing ? "" : isEmpty(filter) ? "Add a filter, or text" : "add a filter, or text";
  }

  /** @param {Field} which @param {string} [typed] what its value begins with, as far as it is not its name */
  function edit(which, typed = "") {
    editing = which;
    const value = filter[which];
    const named = `${NAMES[which].join(" ")} `.startsWith(typed.toLowerCase()) || (which === "state" && "status".startsWith(typed.toLowerCase()));
    field.value = !named ? typed : Array.isArray(value) ? "" : value;
    draw();
    field.focus();
    void suggest();
  }

  async function suggest() {
    const mine = ++asked;
    const text = field.value.trim();
    const chosen = editing ? filter[editing] : [];
    const next = editing ? await values(editing, text, Array.isArray(chosen) ? chosen : [chosen], rows()) : await fields(text, rows());
    if (mine !== asked || document.activeElement !== field) return;
    found = next;
    at = 0;
    show(true);
  }

  /** @param {boolean} open */
  function show(open) {
    list.hidden = !open;
    field.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const options = h("div", {role: "listbox", id: "filter-list", "aria-label": editing ? `Values of ${NAMES[editing][0]}` : "Filters", "aria-multiselectable": editing && Array.isArray(filter[editing]) ? "true" : null}, found.map((each, index) => h("div", {class: "suggest-item", role: "option", id: `filter-${index}`, "aria-selected": String(index === at), onclick: () => accept(index), onpointermove: () => mark(index)},
      each.on ? icon("check") : each.sign ?? null, h("bdi", {class: "suggest-text", dir: "auto"}, marked(each.text)), h("span", {class: "quiet"}, each.beside))));
    const hint = editing && !found.length ? h("p", {class: "suggest-none"}, HINTS[editing] ?? "Type a value.") : null;
    list.replaceChildren(options, ...(hint ? [hint] : []), h("p", {class: "suggest-keys", "aria-hidden": "true"}, h("kbd", {}, "tab"), "accept", h("kbd", {}, "⌫"), "edit last", h("kbd", {}, "esc"), "leave"));
    mark(at);
  }

  /** The part of a suggestion that was typed stands out. @param {string} text */
  function marked(text) {
    const typed = field.value.trim();
    const from = typed ? text.toLowerCase().indexOf(typed.toLowerCase()) : -1;
    return from < 0 ? [text] : [text.slice(0, from), h("strong", {}, text.slice(from, from + typed.length)), text.slice(from + typed.length)];
  }

  /** @param {number} index */
  function mark(index) {
    at = index;
    const options = list.querySelectorAll("[role=option]");
    options.forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
    if (options[at]) field.setAttribute("aria-activedescendant", options[at].id);
    else field.removeAttribute("aria-activedescendant");
    options[at]?.scrollIntoView({block: "nearest"});
  }

  /** @param {number} index */
  function accept(index) {
    const chosen = found[index];
    const text = field.value.trim();
    if (!chosen) {
      if (editing && isFine(editing, text)) take(editing, text);
      return;
    }
    if (chosen.value === null) edit(chosen.field, text);
    else take(chosen.field, chosen.value);
  }

  /** @param {Field} which @param {string} value */
  function take(which, value) {
    const list = Array.isArray(filter[which]) && editing === which;
    field.value = "";
    if (!list) editing = null;
    change(plus(filter, which, value));
    if (list) void suggest();
    else if (document.activeElement === field) void suggest();
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const text = field.value.trim();
    if (by && found.length && !list.hidden) mark((at + by + found.length) % found.length);
    else if ((event.key === "Enter" || (event.key === "Tab" && !event.shiftKey && (text || editing) && found.length)) && !list.hidden) accept(at);
    else if (event.key === "Backspace" && field.value === "") {
      const last = tokens(filter).at(-1);
      if (editing) {
        const which = editing;
        editing = null;
        if (Array.isArray(filter[which]) && filter[which].length) change(without(filter, which));
        else draw();
        void suggest();
      } else if (last) edit(last.field);
    } else if (event.key === "Escape") {
      if (editing || text) {
        editing = null;
        field.value = "";
        draw();
        void suggest();
      } else field.blur();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  function blurred() {
    if (document.activeElement === field) return;
    editing = null;
    field.value = "";
    show(false);
    draw();
  }

  draw();
  return {
    element: bar,
    focus: () => field.focus(),
    /** @param {Filter} next */
    set(next) {
      filter = next;
      draw();
    },
    /** @param {number|null} n */
    count(n) {
      total.textContent = matchText(n);
    },
  };
}

const HINTS = /** @type {Partial<Record<Field, string>>} */ ({tag: "Type name=value, as in region=eu.", since: "Type how long ago (24h) or a moment (2026-11-21 14:00).", until: "Type how long ago (1h) or a moment (2026-11-21 14:00).", error: "Type the class of the failure.", id: "Type how the id begins.", text: "Type a text.", parent: "Type the id of the parent run."});
