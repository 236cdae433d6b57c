// A form made from a JSON Schema; it holds one JSON value and says what is wrong with it, field by field.

import {control, fresh} from "./controls.js";
import {icon} from "./icons.js";
import {branchName, branchOf, describe, fieldOf, initial, isFlat, isRequired, ordered} from "./schema.js";
import {check, join} from "./schemacheck.js";
import {attribute, h} from "../lib/dom.js";

/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./schema.js").Problem} Problem */
/** @typedef {{get: () => any, set: (value: any) => void}} Lens a place in the value */
/** @typedef {{focus: HTMLElement, message: HTMLElement, box: HTMLElement}} Shown where a path is shown */

/**
 * @param {Schema} schema of the whole value
 * @param {any} value to begin with; undefined: what the schema proposes
 * @param {() => void} onChange
 */
export function schemaForm(schema, value, onChange) {
  const root = schema;
  let held = value === undefined ? initial(schema, root) : value;
  /** @type {Map<string, Shown>} */ const shown = new Map();
  /** @type {Set<string>} */ const touched = new Set();
  /** @type {Problem[]} from the server, until the field is changed */ let told = [];
  let everything = false;
  const element = h("div", {class: "form"});

  /** @returns {Problem[]} */
  const problems = () => [...check(held, schema, root), ...told];
  const mark = () => {
    const found = problems();
    for (const [path, place] of shown) {
      const problem = everything || touched.has(path) || told.some((each) => each.path === path) ? found.find((each) => each.path === path) : undefined;
      place.box.classList.toggle("wrong", problem !== undefined);
      place.focus.setAttribute("aria-invalid", String(problem !== undefined));
      if (place.message.dataset.text !== (problem?.message ?? "")) {
        place.message.dataset.text = problem?.message ?? "";
        place.message.replaceChildren(...(problem ? [icon("failed"), h("bdi", {}, problem.message)] : []));
      }
    }
  };
  /** @param {string} path */
  const changed = (path) => {
    told = told.filter((each) => each.path !== path);
    mark();
    onChange();
  };

  /** @param {Lens} parent @param {string|number} step @returns {Lens} */
  const lens = (parent, step) => ({
    get: () => parent.get()?.[step],
    set: (next) => {
      const before = parent.get();
      if (typeof step === "number") { before[step] = next === undefined ? null : next; return; }
      const base = before && typeof before === "object" && !Array.isArray(before) ? before : {};
      if (next === undefined) delete base[step];
      else base[step] = next;
      if (base !== before) parent.set(base);
    },
  });
  /** @type {Lens} */
  const top = {get: () => held, set: (next) => { held = next; }};

  /** @param {string} path @param {HTMLElement} focus @param {HTMLElement} box @returns {HTMLElement} the line for its error */
  const place = (path, focus, box) => {
    const message = h("p", {class: "form-error", id: fresh()});
    focus.setAttribute("aria-describedby", message.id);
    box.addEventListener("focusout", () => {
      if (shown.get(path)?.box !== box) return;
      touched.add(path);
      // What is being pressed must not move away from under the pointer by an error that appears above it.
      if (document.querySelector(":active")) document.addEventListener("pointerup", () => setTimeout(mark), {once: true});
      else mark();
    });
    shown.set(path, {focus, message, box});
    return message;
  };

  /** @param {string} name @param {any} each @param {Lens} at @param {string} path @param {boolean} required @param {string} [label] @returns {HTMLElement[]} */
  function entry(name, each, at, path, required, label = name) {
    const field = fieldOf(each, root);
    if (field.kind === "object" && !field.nullable && required && path.includes(".") && flatFew(field)) {
      if (!at.get() || typeof at.get() !== "object") at.set({});
      return Object.entries(field.schema.properties ?? {}).flatMap(([inner, part]) => entry(inner, part, lens(at, inner), join(path, inner), isRequired(field.schema, inner), `${label}.${inner}`));
    }
    if (field.kind === "object" || field.kind === "union" || field.kind === "map" || field.kind === "list" || field.kind === "table") return [compound(label, field, at, path, required)];
    return [leaf(label, field, at, path, required)];
  }

  /** @param {Field} field */
  const flatFew = (field) => {
    const parts = Object.values(field.schema.properties ?? {});
    return parts.length <= 4 && parts.every((part) => isFlat(fieldOf(part, root)));
  };

  /** @param {string} label @param {Field} field @param {Lens} at @param {string} path @param {boolean} required */
  function leaf(label, field, at, path, required) {
    const id = fresh();
    const made = control(field, {id, name: label, value: at.get(), required, set: (next) => { at.set(next); changed(path); }});
    const words = h("span", {class: "form-words"}, describe(field, root, required));
    const isWide = field.kind === "json" || field.kind === "binary" || (field.kind === "text" && (field.schema.maxLength ?? 0) > 200);
    const help = field.schema.description ? h("p", {class: "form-help"}, field.schema.description) : null;
    if (field.kind === "boolean" && !field.nullable) {
      const box = h("div", {class: "form-field form-switch"}, made.element, h("label", {for: id}, h("bdi", {class: "form-name"}, label)), words, help);
      box.append(place(path, made.focus, box));
      return box;
    }
    const box = h("div", {class: isWide ? "form-field form-wide" : "form-field"}, h("label", {for: id}, h("bdi", {class: "form-name"}, label), " ", words), made.element, made.below ?? null);
    box.append(place(path, made.focus, box), ...(help ? [help] : []));
    return box;
  }

  /** @param {string} label @param {Field} field @param {Lens} at @param {string} path @param {boolean} required @returns {HTMLElement} */
  function compound(label, field, at, path, required) {
    const inner = h("div", {class: "form-inner"});
    const absent = () => at.get() === undefined || at.get() === null;
    const optional = !required || field.nullable;
    const add = h("button", {type: "button", class: "button small", onclick: () => {
      at.set(initial({...field.schema, default: undefined, ...strip(field)}, root) ?? {});
      fill();
      changed(path);
      /** @type {HTMLElement|null} */ (inner.querySelector("input, select, textarea, button"))?.focus();
    }}, icon("plus"), `Add ${label}`);
    const remove = h("button", {type: "button", class: "icon-button", "aria-label": `Remove ${label}`, title: `Remove ${label}`, onclick: () => {
      at.set(required ? null : undefined);
      fill();
      changed(path);
      add.focus();
    }}, icon("close"));
    const tools = h("span", {class: "form-tools"});
    const box = h("div", {class: "form-group form-wide", role: "group", "aria-label": label},
      h("div", {class: "form-group-head"}, h("bdi", {class: "form-name"}, label), " ", h("span", {class: "form-words"}, describe(field, root, required)), tools));
    const fill = () => {
      forget(path);
      const gone = absent() && optional;
      tools.replaceChildren(...(optional && !gone ? [remove] : []));
      inner.classList.toggle("form-rule", field.kind === "object" && !gone);
      inner.replaceChildren(...(gone ? [add] : content(field, at, path)));
      mark();
    };
    if (absent() && !optional) at.set(initial(field.schema, root) ?? (field.kind === "list" || field.kind === "table" ? [] : {}));
    fill();
    box.append(inner, place(path, box, box));
    return box;
  }

  /** @param {Field} field without the null that made it optional */
  const strip = (field) => (field.kind === "union" ? {anyOf: field.branches?.map((branch) => branch.schema), oneOf: undefined} : {anyOf: undefined, oneOf: undefined});

  /** @param {string} path forgets what was shown within it */
  const forget = (path) => {
    for (const each of [...shown.keys()]) if (each.startsWith(`${path}.`) || each.startsWith(`${path}[`)) shown.delete(each);
  };

  /** @param {Field} field @param {Lens} at @param {string} path @returns {HTMLElement[]} */
  function content(field, at, path) {
    if (field.kind === "object") return Object.entries(field.schema.properties ?? {}).flatMap(([name, each]) => entry(name, each, lens(at, name), join(path, name), isRequired(field.schema, name)));
    if (field.kind === "union") return union(field, at, path);
    if (field.kind === "map") return map(field, at, path);
    return field.kind === "table" ? table(field, at, path) : list(field, at, path);
  }

  /** @param {Field} field @param {Lens} at @param {string} path */
  function union(field, at, path) {
    const branches = field.branches ?? [];
    const inner = h("div", {class: "form-inner"});
    const select = /** @type {HTMLSelectElement} */ (h("select", {class: "input", "aria-label": "Kind", onchange: () => {
      at.set(initial(branches[Number(select.value)].schema, root));
      fill();
      changed(path);
    }}, ...branches.map((branch, index) => h("option", {value: String(index)}, branchName(branch, index)))));
    const fill = () => {
      const index = branchOf(field, at.get(), root, check);
      const branch = branches[index];
      select.value = String(index);
      forget(path);
      const isGroup = branch.kind === "object";
      inner.classList.toggle("form-rule", isGroup);
      inner.replaceChildren(...(isGroup ? Object.entries(branch.schema.properties ?? {}).filter(([, each]) => fieldOf(each, root).kind !== "const").flatMap(([name, each]) => entry(name, each, lens(at, name), join(path, name), isRequired(branch.schema, name)))
        : isFlat(branch) ? [bare(branch, at, path)] : content(branch, at, path)));
      mark();
    };
    fill();
    return [h("span", {class: "select"}, select, icon("chevron-down")), inner];
  }

  /** @param {Field} field @param {Lens} at @param {string} path a control without a label of its own @returns {HTMLElement} */
  function bare(field, at, path) {
    const made = control(field, {id: fresh(), name: path, value: at.get(), required: true, set: (next) => { at.set(next); changed(path); }});
    if (!made.focus.hasAttribute("aria-label")) attribute(made.focus, "aria-label", path);
    return made.element;
  }

  /** @param {Field} field @param {Lens} at @param {string} path */
  function list(field, at, path) {
    const items = h("div", {class: "form-list"});
    const item = fieldOf(field.schema.items, root);
    const fill = () => {
      forget(path);
      items.replaceChildren(.../** @type {any[]} */ (at.get() ?? []).map((_, index) => {
        const here = join(path, index);
        const lensHere = lens(at, index);
        const row = h("div", {class: item.kind === "object" || !isFlat(item) ? "form-item form-rule" : "form-item"});
        const parts = isFlat(item) ? [bare(item, lensHere, here)] : item.kind === "object" ? content(item, lensHere, here) : [bare({...item, kind: "json"}, lensHere, here)];
        row.append(h("div", {class: "form-item-parts"}, ...parts), removeButton(at, path, index, fill));
        row.append(place(here, /** @type {HTMLElement} */ (row.querySelector("input, select, textarea, button")), row));
        return row;
      }));
      mark();
    };
    fill();
    return [items, addButton(field, at, path, fill, items)];
  }

  /** @param {Field} field @param {Lens} at @param {string} path */
  function table(field, at, path) {
    const item = fieldOf(field.schema.items, root);
    const columns = Object.entries(item.schema.properties ?? {}).map(([name, each]) => ({name, field: fieldOf(each, root)})).filter((column) => column.field.kind !== "const");
    const widths = columns.map((column) => (["integer", "number", "decimal", "boolean"].includes(column.field.kind) ? "minmax(72px, 1fr)" : "minmax(96px, 3fr)")).join(" ");
    const body = h("div", {class: "form-table"});
    const fill = () => {
      forget(path);
      const rows = /** @type {any[]} */ (at.get() ?? []).map((_, index) => {
        const cells = columns.map((column) => {
          const here = join(join(path, index), column.name);
          const required = isRequired(item.schema, column.name);
          const made = control(column.field, {id: fresh(), name: here, value: lens(lens(at, index), column.name).get(), required, set: (next) => { lens(lens(at, index), column.name).set(next); changed(here); }});
          attribute(made.focus, "aria-label", `${column.name} of ${index + 1}`);
          const cell = h("div", {class: "form-cell"}, made.element);
          cell.append(place(here, made.focus, cell));
          return cell;
        });
        return h("div", {class: "form-row"}, ...cells, removeButton(at, path, index, fill));
      });
      body.replaceChildren(...(rows.length ? [h("div", {class: "form-row form-columns", "aria-hidden": "true"}, ...columns.map((column) => h("bdi", {}, column.name)), h("span", {}))] : []), ...rows);
      mark();
    };
    body.style.setProperty("--columns", `${widths} 28px`);
    fill();
    return [body, addButton(field, at, path, fill, body)];
  }

  /** @param {Field} field @param {Lens} at @param {string} path @param {() => void} fill @param {HTMLElement} items */
  function addButton(field, at, path, fill, items) {
    const noun = fieldOf(field.schema.items, root).title?.toLowerCase() ?? "one";
    return h("button", {type: "button", class: "button small form-add", onclick: () => {
      const next = initial(field.schema.items, root);
      at.set([...(at.get() ?? []), next === undefined ? "" : next]);
      fill();
      changed(path);
      const last = items.lastElementChild;
      /** @type {HTMLElement|null} */ (last?.querySelector("input, select, textarea, button") ?? null)?.focus();
    }}, icon("plus"), `Add ${noun}`);
  }

  /** @param {Lens} at @param {string} path @param {number} index @param {() => void} fill */
  const removeButton = (at, path, index, fill) => h("button", {type: "button", class: "icon-button", "aria-label": `Remove ${index + 1}`, title: "Remove", onclick: () => {
    at.set(at.get().filter((/** @type {any} */ _, /** @type {number} */ other) => other !== index));
    fill();
    changed(path);
  }}, icon("close"));

  /** @param {Field} field @param {Lens} at @param {string} path */
  function map(field, at, path) {
    const rows = h("div", {class: "form-list"});
    const part = field.schema.additionalProperties;
    const inner = part && typeof part === "object" ? fieldOf(part, root) : fieldOf({}, root);
    const fill = () => {
      forget(path);
      rows.replaceChildren(...Object.keys(at.get() ?? {}).map((name) => {
        const key = /** @type {HTMLInputElement} */ (h("input", {class: "input mono", "aria-label": "Name", autocomplete: "off", spellcheck: "false", onchange: () => {
          const taken = key.value in at.get();
          if (!taken) at.set(Object.fromEntries(Object.entries(at.get()).map(([each, value]) => [each === name ? key.value : each, value])));
          fill();
          changed(path);
        }}));
        key.value = name;
        const row = h("div", {class: "form-pair"}, key, bare(isFlat(inner) ? inner : {...inner, kind: "json"}, lens(at, name), join(path, name)),
          h("button", {type: "button", class: "icon-button", "aria-label": `Remove ${name}`, onclick: () => { lens(at, name).set(undefined); fill(); changed(path); }}, icon("close")));
        row.append(place(join(path, name), key, row));
        return row;
      }));
      mark();
    };
    fill();
    return [rows, h("button", {type: "button", class: "button small form-add", onclick: () => {
      const names = Object.keys(at.get() ?? {});
      let name = "name";
      for (let n = 2; names.includes(name); n++) name = `name${n}`;
      at.set({...(at.get() ?? {}), [name]: initial(inner.schema, root) ?? (inner.kind === "integer" || inner.kind === "number" ? 0 : "")});
      fill();
      changed(path);
      /** @type {HTMLInputElement|null} */ (rows.lastElementChild?.querySelector("input") ?? null)?.select();
    }}, icon("plus"), "Add a name")];
  }

  function build() {
    shown.clear();
    const field = fieldOf(schema, root);
    element.replaceChildren(...(field.kind === "object" ? content(field, top, "") : isFlat(field) ? [leaf(wholeName(schema), field, top, "", true)] : [compound(wholeName(schema), field, top, "", true)]));
    mark();
  }
  build();

  return {
    element,
    value: () => ordered(held, schema, root),
    problems,
    /** @param {any} next */
    set(next) { held = next; told = []; build(); },
    /** shows all that is wrong and moves the focus to the first of it; the sentence for beside the button */
    complain() {
      everything = true;
      mark();
      const found = problems();
      const first = found.map((each) => nearest(each.path)).find(Boolean);
      if (first) {
        const target = first.focus.matches("input, select, textarea, button") ? first.focus : /** @type {HTMLElement|null} */ (first.box.querySelector("input, select, textarea, button")) ?? first.focus;
        target.focus();
        first.box.scrollIntoView({block: "nearest"});
      }
      return found;
    },
    /** @param {Problem[]} problems that the server found */
    tell(problems) { told = problems; mark(); },
  };

  /** @param {string} path @returns {Shown|undefined} */
  function nearest(path) {
    for (let at = path; at; at = at.replace(/(\.[^.[\]]*|\[[^\]]*\]|^[^.[\]]*)$/, "")) if (shown.has(at)) return shown.get(at);
    return shown.get("");
  }
}

/** What a value is called as a whole: its schema's title, where it has one. @param {Schema|null} schema */
export const wholeName = (schema) => (schema ? fieldOf(schema, schema).title : null) ?? "payload";

/**
 * "2 fields to fix: amount, lines".
 * @param {Problem[]} problems
 * @param {Schema|null} schema of the whole value
 */
export function toFix(problems, schema) {
  const names = [...new Set(problems.map((each) => each.path.split(".").pop() || wholeName(schema)))];
  if (!names.length) return "";
  const count = new Set(problems.map((each) => each.path)).size;
  return `${count} ${count === 1 ? "field" : "fields"} to fix: ${names.slice(0, 4).join(", ")}${names.length > 4 ? " and others" : ""}`;
}
