// What will be sent, in three languages; the line of a value that is wrong is marked.

import {copyButton} from "../components/copy.js";
import {segmented} from "../components/tabs.js";
import {h} from "../lib/dom.js";

/** @typedef {import("./snippets.js").Line} Line */

/**
 * @param {() => {python: Line[], curl: Line[], cli: Line[]}} make
 */
export function sentPanel(make) {
  /** @type {"python"|"curl"|"cli"} */
  let language = "python";
  const code = h("pre", {class: "sent", tabindex: "0", "aria-label": "What will be sent"});
  /** @type {string[]} */
  let wrong = [];
  let text = "";
  function tell() {
    const lines = make()[language];
    text = lines.map((line) => line.text).join("\n");
    code.replaceChildren(...lines.map((line) => h("code", {class: line.path !== null && wrong.includes(line.path) ? "sent-line sent-wrong" : "sent-line", dir: "ltr"}, `${line.text}\n`)));
  }
  const element = h("section", {class: "sent-panel", "aria-label": "What will be sent"},
    h("div", {class: "bar"}, h("h2", {}, "What will be sent"), h("span", {class: "bar-end"}, segmented({label: "Language", value: language, options: [["python", "Python"], ["curl", "curl"], ["cli", "CLI"]], onChange: (/** @type {any} */ value) => { language = value; tell(); return true; }}), copyButton(() => text, "Copy the code", true))),
    code);
  /** @param {string[]} paths of the values that are wrong */
  function mark(paths) {
    wrong = paths;
    tell();
  }
  return {element, mark};
}
