// A value with its size, search and copy; loaded when it is wanted, offered as a download when it is too big.

import {jsonTree} from "../components/jsontree.js";
import {copyButton} from "../components/copy.js";
import {icon} from "../components/icons.js";
import {h} from "../lib/dom.js";
import {bytes} from "../lib/format.js";

const LARGEST_SHOWN = 1_000_000;

/**
 * @param {{title: string, value: any, size: number|null, schema: any, empty: string, seq: number|null, run?: string,
 *   hooks: {value: (seq: number, run?: string) => Promise<any>, valueUrl: (seq: number, run?: string) => string}}} shown
 * @returns {HTMLElement}
 */
export function valueSection({title, value, size, schema, empty, seq, run, hooks}) {
  const tools = h("span", {class: "insp-tools"});
  const content = h("div", {class: "insp-value"});
  const measure = h("span", {class: "quiet"});
  const element = h("section", {class: "insp-section"}, h("div", {class: "insp-bar"}, h("h3", {}, title), measure, tools), content);

  /** @param {any} found */
  const fill = (found) => {
    const text = JSON.stringify(found, null, 2) ?? "";
    measure.textContent = bytes(size ?? new Blob([JSON.stringify(found) ?? ""]).size);
    const tree = jsonTree(found, {schema, label: title});
    const input = /** @type {HTMLInputElement} */ (h("input", {type: "search", class: "jt-search", placeholder: "Find a key or value", "aria-label": `Find in ${title.toLowerCase()}`, oninput: () => tree.search(input.value), onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      search();
    }}));
    input.hidden = true;
    const button = h("button", {type: "button", class: "icon-button", "aria-label": `Find in ${title.toLowerCase()}`, title: "Find", "aria-expanded": "false", onclick: () => search()}, icon("search"));
    const search = () => {
      input.hidden = !input.hidden;
      button.setAttribute("aria-expanded", String(!input.hidden));
      input.value = "";
      tree.search("");
      if (input.hidden) button.focus();
      else input.focus();
    };
    tools.replaceChildren(...(found !== null && typeof found === "object" ? [button] : []), copyButton(() => text, `Copy the ${title.toLowerCase()}`, true));
    content.replaceChildren(input, tree.element);
  };

  if (value !== undefined && !(value === null && empty === "Nothing was returned.")) fill(value);
  else if (size && size > LARGEST_SHOWN && seq !== null) {
    content.append(h("p", {class: "quiet"}, `${title} is ${bytes(size)}. `, h("a", {class: "link", href: hooks.valueUrl(seq, run), download: `${title.toLowerCase()}-${seq}.json`}, "Download")));
  } else if (size && seq !== null) {
    const at = seq;
    const load = async () => {
      content.replaceChildren(h("p", {class: "quiet"}, `Loading ${bytes(size)}`));
      try {
        fill(await hooks.value(at, run));
      } catch (error) {
        content.replaceChildren(h("p", {class: "quiet"}, `${title} could not be read: ${/** @type {Error} */ (error).message} `, h("button", {type: "button", class: "link", onclick: load}, "Try again")));
      }
    };
    void load();
  } else content.append(h("p", {class: "quiet"}, empty));
  return element;
}
