// Whether a value fits a JSON Schema: what is wrong, by path, in words for the person who typed it. Pure.

import {branchOf, constant, fieldOf, isRequired} from "./schema.js";

/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./schema.js").Problem} Problem */

/** @param {string} path @param {string|number} step */
export const join = (path, step) => (typeof step === "number" ? `${path}[${step}]` : path ? `${path}.${step}` : step);

const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const DURATION = /^-?P(?!$)(?:\d+(?:\.\d+)?W)?(?:\d+(?:\.\d+)?D)?(?:T(?=\d)(?:\d+(?:\.\d+)?H)?(?:\d+(?:\.\d+)?M)?(?:\d+(?:\.\d+)?S)?)?$/i;
const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?$/;

/**
 * Everything that is wrong with a value, outermost first.
 * @param {any} value undefined where nothing was entered
 * @param {any} schema
 * @param {Schema} root
 * @param {string} [path]
 * @returns {Problem[]}
 */
export function check(value, schema, root, path = "") {
  const field = fieldOf(schema, root);
  /** @param {string} message @returns {Problem[]} */
  const wrong = (message) => [{path, message}];
  if (value === undefined) return wrong("Is required.");
  if (value === null && (field.nullable || field.kind === "json" || (field.kind === "const" && constant(field.schema) === null))) return [];
  if (field.kind === "union") return field.branches ? check(value, field.branches[branchOf(field, value, root, check)].schema, root, path) : [];
  if (field.kind === "object") return object(value, field, root, path);
  if (field.kind === "map") return map(value, field, root, path);
  if (field.kind === "table" || field.kind === "list") return list(value, field, root, path);
  const message = leaf(value, field);
  return message ? wrong(message) : [];
}

/** @param {any} value @param {Field} field @param {Schema} root @param {string} path @returns {Problem[]} */
function object(value, field, root, path) {
  if (!value || typeof value !== "object" || Array.isArray(value)) return [{path, message: "Must be an object."}];
  const properties = field.schema.properties ?? {};
  /** @type {Problem[]} */
  const found = [];
  for (const [name, each] of Object.entries(properties)) {
    if (name in value) found.push(...check(value[name], each, root, join(path, name)));
    else if (isRequired(field.schema, name)) found.push({path: join(path, name), message: "Is required."});
  }
  if (field.schema.additionalProperties === false) {
    for (const name of Object.keys(value)) {
      if (!(name in properties)) found.push({path: join(path, name), message: `Is not a field${field.title ? ` of ${field.title}` : ""}.`});
    }
  }
  return found;
}

/** @param {any} value @param {Field} field @param {Schema} root @param {string} path @returns {Problem[]} */
function map(value, field, root, path) {
  if (!value || typeof value !== "object" || Array.isArray(value)) return [{path, message: "Must be an object."}];
  const each = field.schema.additionalProperties;
  if (!each || typeof each !== "object") return [];
  return Object.entries(value).flatMap(([name, part]) => check(part, each, root, join(path, name)));
}

/** @param {any} value @param {Field} field @param {Schema} root @param {string} path @returns {Problem[]} */
function list(value, field, root, path) {
  if (!Array.isArray(value)) return [{path, message: "Must be a list."}];
  const {minItems: least, maxItems: most, uniqueItems} = field.schema;
  if (least !== undefined && value.length < least) return [{path, message: `Must have at least ${least}.`}];
  if (most !== undefined && value.length > most) return [{path, message: `Must have at most ${most}.`}];
  if (uniqueItems && new Set(value.map((each) => JSON.stringify(each))).size < value.length) return [{path, message: "Must not have the same one twice."}];
  return value.flatMap((each, index) => check(each, field.schema.items, root, join(path, index)));
}

/** @param {any} value @param {Field} field @returns {string|null} */
function leaf(value, field) {
  const schema = field.schema;
  switch (field.kind) {
    case "const": return same(value, constant(schema)) ? null : `Must be ${JSON.stringify(constant(schema))}.`;
    case "choice": return schema.enum.some((/** @type {any} */ each) => same(each, value)) ? null : `Must be one of ${schema.enum.join(", ")}.`;
    case "boolean": return typeof value === "boolean" ? null : "Must be true or false.";
    case "null": return value === null ? null : "Must be null.";
    case "integer": return Number.isInteger(value) ? bounds(value, schema) : "Must be a whole number.";
    case "number": return typeof value === "number" ? bounds(value, schema) : "Must be a number.";
    case "json": return json(value, schema);
    default: return text(value, field);
  }
}

/** @param {any} one @param {any} other */
const same = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

/** @param {any} value @param {Schema} schema */
function json(value, schema) {
  if (schema.type !== "array") return null;
  if (!Array.isArray(value)) return "Must be a list.";
  if (schema.minItems !== undefined && value.length < schema.minItems) return `Must have at least ${schema.minItems}.`;
  return schema.maxItems !== undefined && value.length > schema.maxItems ? `Must have at most ${schema.maxItems}.` : null;
}

/** @param {any} value @param {Field} field @returns {string|null} */
function text(value, field) {
  const schema = field.schema;
  if (field.kind === "decimal" && typeof value === "number") return bounds(value, schema);
  if (typeof value !== "string") return "Must be text.";
  switch (field.kind) {
    case "decimal": return DECIMAL.test(value) ? bounds(Number(value), schema) : "Must be a number.";
    case "uuid": return UUID.test(value) ? null : "Must be a UUID.";
    case "binary": return BASE64.test(value) ? null : "Must be base64.";
    case "date": return isDate(value) ? null : "Must be a date like 2026-11-21.";
    case "time": return /^\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?$/.test(value) ? null : "Must be a time like 14:35.";
    case "datetime": return MOMENT.test(value) && !Number.isNaN(Date.parse(value)) ? null : "Must be a date and time like 2026-11-21 14:35.";
    case "duration": return DURATION.test(value) ? null : "Must be a duration like PT30S or P1DT2H.";
    default: return letters(value, schema);
  }
}

/** @param {string} value */
function isDate(value) {
  const moment = /^\d{4}-\d\d-\d\d$/.test(value) ? new Date(`${value}T00:00:00Z`) : null;
  return moment !== null && !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(value);
}

/** @param {string} value @param {Schema} schema @returns {string|null} */
function letters(value, schema) {
  const length = [...value].length;
  const {minLength: least, maxLength: most} = schema;
  if (least !== undefined && least === most && length !== least) return `Must have ${least} ${least === 1 ? "letter" : "letters"}.`;
  if (least !== undefined && length < least) return least === 1 ? "Must not be empty." : `Must have at least ${least} letters.`;
  if (most !== undefined && length > most) return `Must have at most ${most} letters, has ${length}.`;
  if (typeof schema.pattern === "string" && !fits(schema.pattern, value)) return `Must match ${schema.pattern}`;
  return null;
}

/** @param {string} pattern @param {string} value a pattern that this browser does not know is left to the server */
function fits(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

/** @param {number} value @param {Schema} schema @returns {string|null} */
function bounds(value, schema) {
  const {minimum: low, maximum: high, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step} = schema;
  if (above !== undefined && value <= above) return `Must be more than ${above}.`;
  if (low !== undefined && value < low) return `Must be at least ${low}.`;
  if (below !== undefined && value >= below) return `Must be less than ${below}.`;
  if (high !== undefined && value > high) return `Must be at most ${high}.`;
  if (step !== undefined && Math.abs(value / step - Math.round(value / step)) > 1e-9) return `Must be a multiple of ${step}.`;
  return null;
}
