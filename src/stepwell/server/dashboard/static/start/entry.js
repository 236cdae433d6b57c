// A value entered as a form or as JSON: two views of one content, each always there to switch to.

import {jsonEditor} from "../components/jsonedit.js";
import {schemaForm, toFix, wholeName} from "../components/schemaform.js";
import {initial} from "../components/schema.js";
import {check} from "../components/schemacheck.js";
import {segmented} from "../components/tabs.js";
import {h} from "../lib/dom.js";

/** @typedef {import("../components/schema.js").Schema} Schema */
/** @typedef {import("../components/schema.js").Problem} Problem */

/**
 * What the server has found in one part of a request, by the paths that the form of this part has.
 * @param {Problem[]} found
 * @param {string} part "payload"
 */
export const foundIn = (found, part) => found.map((each) => (each.path === part || /^[.[]/.test(each.path.slice(part.length)) && each.path.startsWith(part) ? {...each, path: each.path.slice(part.length).replace(/^\./, "")} : each));

/**
 * @param {Schema|null} schema without one there is only JSON
 * @param {{label: string, value?: any, rows?: number, onChange: () => void, onRefuse: (text: string) => void}} options
 */
export function entry(schema, {label, value, rows = 10, onChange, onRefuse}) {
  let held = value === undefined && schema ? initial(schema, schema) : value;
  /** @type {ReturnType<typeof schemaForm>|null} */
  let form = null;
  /** @type {ReturnType<typeof jsonEditor>|null} */
  let editor = null;
  const element = h("div", {class: "entry"});
  const list = h("ul", {class: "entry-problems"});

  /** @param {string} mode */
  function show(mode) {
    if (mode === "form" && schema) {
      editor = null;
      form = schemaForm(schema, held, () => { held = form?.value(); onChange(); });
      held = form.value();
      element.replaceChildren(form.element);
    } else {
      form = null;
      editor = jsonEditor(held, {label, rows, onChange: (next, mistake) => { if (!mistake) held = next; list.replaceChildren(); onChange(); }});
      element.replaceChildren(editor.element, list);
    }
  }
  const modes = schema ? segmented({label: "How to enter it", value: "form", options: [["form", "Form"], ["json", "JSON"]], onChange: (/** @type {string} */ mode) => {
    if (mode === "form" && editor?.mistake()) { onRefuse("The JSON has a mistake"); editor.focus(); return false; }
    show(mode);
    return true;
  }}) : null;
  show("form");

  /** @returns {Problem[]} */
  const problems = () => (schema ? check(held, schema, schema) : []);

  return {
    element, modes, problems,
    value: () => held,
    /** @param {any} next */
    set(next) {
      held = next;
      form?.set(next);
      editor?.set(next);
      onChange();
    },
    /** the sentence about what is to fix, "" when nothing is; the focus goes to the first */
    complain() {
      if (editor) {
        if (editor.mistake()) { editor.focus(); return "The JSON has a mistake"; }
        const found = problems();
        list.replaceChildren(...found.slice(0, 20).map((each) => h("li", {}, h("bdi", {class: "mono"}, each.path || wholeName(schema)), ` ${each.message}`)));
        if (found.length) editor.focus();
        return toFix(found, schema);
      }
      return toFix(form?.complain() ?? [], schema);
    },
    /** @param {Problem[]} found by the server */
    tell(found) {
      form?.tell(found);
      if (editor) list.replaceChildren(...found.map((each) => h("li", {}, h("bdi", {class: "mono"}, each.path || wholeName(schema)), ` ${each.message}`)));
    },
  };
}
