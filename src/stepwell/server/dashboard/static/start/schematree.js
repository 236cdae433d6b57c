// The input's schema as a tree of names and types.

import {constant, fieldOf, isRequired} from "../components/schema.js";
import {h} from "../lib/dom.js";

/** @typedef {import("../components/schema.js").Schema} Schema */
/** @typedef {import("../components/schema.js").Field} Field */

/**
 * @param {Schema} schema
 * @returns {HTMLElement}
 */
export function schemaTree(schema) {
  return h("div", {class: "jt"}, ...members(fieldOf(schema, schema), schema, 0));
}

/** @param {Field} field @param {Schema} root @param {number} depth @returns {HTMLElement[]} */
function members(field, root, depth) {
  return Object.entries(field.schema.properties ?? {}).map(([name, each]) => line(name, fieldOf(each, root), root, depth, isRequired(field.schema, name)));
}

/** @param {string} name @param {Field} field @param {Schema} root @param {number} depth @param {boolean} required @returns {HTMLElement} */
function line(name, field, root, depth, required) {
  const below = field.kind === "list" || field.kind === "table" ? fieldOf(field.schema.items, root) : field;
  const head = [h("bdi", {class: "jt-key"}, name), h("span", {class: "jt-colon"}, ": "), h("span", {class: "jt-number"}, typeText(field, root)), hint(field, required)];
  const place = (/** @type {HTMLElement} */ element) => { element.style.setProperty("--depth", String(depth)); return element; };
  if (!below.schema.properties || depth > 6) return place(h("div", {class: "jt-line"}, ...head));
  const inner = h("div", {});
  const details = h("details", {class: "schema-node", open: depth === 0, ontoggle: () => { if (!inner.firstChild) inner.append(...members(below, root, depth + 1)); }}, place(h("summary", {class: "jt-line"}, h("span", {class: "jt-twist", "aria-hidden": "true"}), ...head)), inner);
  if (depth === 0) inner.append(...members(below, root, depth + 1));
  return details;
}

/** @param {Field} field @param {Schema} root @returns {string} */
function typeText(field, root) {
  const {schema} = field;
  const or = field.nullable ? " | null" : "";
  if (field.kind === "choice") return `${schema.enum.slice(0, 6).join(" | ")}${schema.enum.length > 6 ? " | …" : ""}${or}`;
  if (field.kind === "const") return JSON.stringify(constant(schema));
  if (field.kind === "union") return `${(field.branches ?? []).map((branch) => typeText(branch, root)).join(" | ")}${or}`;
  if (field.kind === "list" || field.kind === "table") return `array of ${typeText(fieldOf(schema.items, root), root)}${or}`;
  if (field.kind === "object") return (field.title ?? "object") + or;
  const names = /** @type {Record<string, string>} */ ({text: "string", map: "object", json: schema.type === "array" ? "array" : "any", binary: "bytes"});
  return (names[field.kind] ?? field.kind) + or;
}

/** @param {Field} field @param {boolean} required */
function hint(field, required) {
  const {schema} = field;
  const words = [];
  if (schema.exclusiveMinimum !== undefined) words.push(`> ${schema.exclusiveMinimum}`);
  if (schema.minimum !== undefined) words.push(`≥ ${schema.minimum}`);
  if (schema.exclusiveMaximum !== undefined) words.push(`< ${schema.exclusiveMaximum}`);
  if (schema.maximum !== undefined) words.push(`≤ ${schema.maximum}`);
  if (schema.minItems) words.push(`${schema.minItems} or more`);
  if ("default" in schema && typeof schema.default !== "object") words.push(String(schema.default));
  else if (required && !words.length) words.push("required");
  return words.length ? h("span", {class: "jt-hint jt-type"}, words.join(" ")) : null;
}
