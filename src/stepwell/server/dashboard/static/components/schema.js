// What a JSON Schema asks for, in the words and kinds that a form needs. Pure.

/** @typedef {Record<string, any>} Schema */
/** @typedef {{path: string, message: string}} Problem */
/** @typedef {"object"|"table"|"list"|"map"|"text"|"integer"|"number"|"decimal"|"boolean"|"choice"|"const"|"datetime"|"date"|"time"|"uuid"|"binary"|"duration"|"union"|"null"|"json"} Kind */
/**
 * @typedef {object} Field
 * @property {Kind} kind
 * @property {Schema} schema resolved
 * @property {string|null} title name of the class, if it has one
 * @property {boolean} nullable
 * @property {Field[]} [branches] of a union
 */

/**
 * The schema that a `$ref` leads to, with what stands beside it; `allOf` with one member is that member.
 * @param {any} schema
 * @param {Schema} root
 * @returns {Schema}
 */
export function resolve(schema, root) {
  let found = schema && typeof schema === "object" ? schema : {};
  for (let hops = 0; hops < 20; hops++) {
    if (typeof found.$ref === "string") {
      const name = decodeURIComponent(found.$ref.split("/").pop() ?? "").replace(/~1/g, "/").replace(/~0/g, "~");
      const {$ref: _, ...beside} = found;
      found = {...(found.$ref === "#" ? root : (root.$defs ?? root.definitions ?? {})[name] ?? {}), ...beside};
    } else if (Array.isArray(found.allOf) && found.allOf.length === 1) {
      const {allOf, ...beside} = found;
      found = {...resolve(allOf[0], root), ...beside};
    } else return found;
  }
  return found;
}

/**
 * What a schema is as a field of a form.
 * @param {any} schema
 * @param {Schema} root
 * @returns {Field}
 */
export function fieldOf(schema, root) {
  const found = resolve(schema, root);
  const title = typeof found.title === "string" ? found.title : null;
  const members = found.anyOf ?? found.oneOf ?? (Array.isArray(found.type) ? found.type.map((type) => ({...found, type})) : null);
  if (Array.isArray(members)) return unionOf(found, members, root, title);
  /** @param {Kind} kind @returns {Field} */
  const field = (kind) => ({kind, schema: found, title, nullable: kind === "null"});
  if ("const" in found) return field("const");
  if (Array.isArray(found.enum)) return field(found.enum.length === 1 ? "const" : "choice");
  switch (found.type) {
    case "string": return field(textKind(found));
    case "integer": case "number": case "boolean": case "null": return field(found.type);
    case "array": return field(arrayKind(found, root));
    case "object": return field(found.properties ? "object" : "map");
    default: return field(found.properties ? "object" : "json");
  }
}

/** @param {Schema} schema @param {any[]} members @param {Schema} root @param {string|null} title @returns {Field} */
function unionOf(schema, members, root, title) {
  const branches = members.map((member) => fieldOf(member, root));
  const real = branches.filter((branch) => branch.kind !== "null");
  const nullable = real.length < branches.length;
  if (real.length === 1) return {...real[0], nullable, schema: {...real[0].schema, ...("default" in schema ? {default: schema.default} : {}), ...(schema.description ? {description: schema.description} : {})}};
  return {kind: "union", schema, title, nullable, branches: real};
}

/** @param {Schema} schema @returns {Kind} */
function textKind(schema) {
  if (schema.contentEncoding === "base64" || schema.format === "binary" || schema.format === "byte") return "binary";
  const kinds = /** @type {Record<string, Kind>} */ ({"date-time": "datetime", date: "date", time: "time", uuid: "uuid", decimal: "decimal", duration: "duration"});
  return kinds[schema.format] ?? "text";
}

/** @param {Schema} schema @param {Schema} root @returns {Kind} */
function arrayKind(schema, root) {
  if (schema.prefixItems || !schema.items) return "json";
  const item = fieldOf(schema.items, root);
  if (item.kind !== "object" || item.nullable) return item.kind === "json" ? "json" : "list";
  const columns = Object.values(item.schema.properties ?? {});
  const flat = columns.length <= 5 && columns.every((column) => isFlat(fieldOf(column, root)));
  return flat ? "table" : "list";
}

/** @param {Field} field fits a cell of a table */
export const isFlat = (field) => !["object", "table", "list", "map", "union", "json", "binary"].includes(field.kind);

/** @param {Schema} schema */
export const isRequired = (/** @type {Schema} */ schema, /** @type {string} */ name) => Array.isArray(schema.required) && schema.required.includes(name);

/**
 * Type and constraint in words: "integer, 1 to 5", "decimal, more than 0", "list of Line, at least 1".
 * @param {Field} field
 * @param {Schema} root
 * @param {boolean} required
 */
export function describe(field, root, required) {
  const schema = field.schema;
  const parts = [kindWords(field, root)];
  const bounds = boundWords(schema, field.kind);
  if (bounds) parts.push(bounds);
  if ("default" in schema && schema.default !== null && typeof schema.default !== "object" && schema.default !== "") parts.push(`default ${schema.default}`);
  else if (!required || field.nullable) parts.push("optional");
  else if (parts.length === 1 && field.kind !== "object") parts.push("required");
  return parts.join(", ");
}

/** @param {Field} field @param {Schema} root @returns {string} */
function kindWords(field, root) {
  const schema = field.schema;
  switch (field.kind) {
    case "object": return field.title ?? "object";
    case "table": case "list": {
      const item = fieldOf(schema.items, root);
      return `list of ${item.title ?? kindWords(item, root)}`;
    }
    case "map": return "names and values";
    case "boolean": return "bool";
    case "choice": return `one of ${schema.enum.length}`;
    case "const": return "always the same";
    case "datetime": return "date and time";
    case "uuid": return "UUID";
    case "binary": return "base64";
    case "duration": return "duration, as PT30S";
    case "union": return `one of ${field.branches?.length ?? 0} kinds`;
    case "json": return "JSON";
    default: return field.kind;
  }
}

/** @param {Schema} schema @param {Kind} kind */
function boundWords(schema, kind) {
  const {minimum: low, maximum: high, exclusiveMinimum: above, exclusiveMaximum: below} = schema;
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  const words = [];
  if (above !== undefined) words.push(`more than ${above}`);
  if (low !== undefined) words.push(`at least ${low}`);
  if (below !== undefined) words.push(`less than ${below}`);
  if (high !== undefined) words.push(`at most ${high}`);
  if (schema.multipleOf !== undefined) words.push(`a multiple of ${schema.multipleOf}`);
  const many = kind === "list" || kind === "table" || kind === "json";
  const [least, most, unit] = many ? [schema.minItems, schema.maxItems, ""] : [schema.minLength, schema.maxLength, least1(schema)];
  if (least !== undefined && least === most) words.push(`${least}${unit}`);
  else {
    if (least) words.push(`at least ${least}${unit}`);
    if (most !== undefined) words.push(`at most ${most}${unit}`);
  }
  return words.join(", ");
}

/** @param {Schema} schema */
const least1 = (schema) => (schema.minLength === 1 && schema.maxLength === undefined ? " letter" : " letters");

/**
 * Numbers of up to seven choices, for a segmented control; null for all else.
 * @param {Field} field
 * @returns {number[]|null}
 */
export function segments(field) {
  const {schema} = field;
  if (field.kind === "choice") return schema.enum.length <= 7 && schema.enum.every((/** @type {any} */ each) => typeof each === "number") ? schema.enum : null;
  if (field.kind !== "integer" || schema.minimum === undefined || schema.maximum === undefined) return null;
  const count = schema.maximum - schema.minimum + 1;
  return count >= 2 && count <= 7 ? Array.from({length: count}, (_, index) => schema.minimum + index) : null;
}

/**
 * The value a form begins with: defaults, constants, objects that are required; undefined where nothing is known.
 * @param {any} schema
 * @param {Schema} root
 * @param {boolean} [required]
 * @param {number} [depth]
 * @returns {any}
 */
export function initial(schema, root, required = true, depth = 0) {
  const field = fieldOf(schema, root);
  if ("default" in field.schema) return structuredClone(field.schema.default);
  if (field.kind === "const") return required ? constant(field.schema) : undefined;
  if (!required || depth > 8) return undefined;
  if (field.nullable) return null;
  if (field.kind === "boolean") return false;
  if (field.kind === "object") {
    /** @type {Record<string, any>} */
    const value = {};
    for (const [name, each] of Object.entries(field.schema.properties ?? {})) {
      const part = initial(each, root, isRequired(field.schema, name), depth + 1);
      if (part !== undefined) value[name] = part;
    }
    return value;
  }
  if (field.kind === "map") return {};
  if (field.kind === "list" || field.kind === "table") {
    return Array.from({length: Math.min(5, field.schema.minItems ?? 0)}, () => initial(field.schema.items, root, true, depth + 1) ?? null);
  }
  if (field.kind === "union" && field.branches) return initial(field.branches[0].schema, root, true, depth + 1);
  return undefined;
}

/**
 * A value with the names of its objects in the order of the schema; names that it does not know come last.
 * @param {any} value
 * @param {any} schema
 * @param {Schema} root
 * @returns {any}
 */
export function ordered(value, schema, root) {
  if (value === null || typeof value !== "object") return value;
  const field = fieldOf(schema, root);
  if (Array.isArray(value)) return value.map((each) => ordered(each, field.schema.items, root));
  const properties = field.schema.properties ?? {};
  const names = [...Object.keys(properties).filter((name) => name in value), ...Object.keys(value).filter((name) => !(name in properties))];
  return Object.fromEntries(names.map((name) => [name, ordered(value[name], properties[name] ?? {}, root)]));
}

/** @param {Schema} schema */
export const constant = (schema) => ("const" in schema ? schema.const : schema.enum[0]);

/**
 * The branch of a union that a value belongs to: the one whose constants fit and that has the fewest problems.
 * @param {Field} field
 * @param {any} value
 * @param {Schema} root
 * @param {(value: any, schema: any, root: Schema) => Problem[]} check
 */
export function branchOf(field, value, root, check) {
  const branches = field.branches ?? [];
  let best = 0;
  let least = Infinity;
  branches.forEach((branch, index) => {
    const wrong = constants(branch, value) * 1000 + (typeMatches(branch, value) ? 0 : 100) + check(value, branch.schema, root).length;
    if (wrong < least) { least = wrong; best = index; }
  });
  return best;
}

/** @param {Field} branch @param {any} value @returns {number} how many constants of it the value contradicts */
function constants(branch, value) {
  if (branch.kind !== "object" || !value || typeof value !== "object") return 0;
  return Object.entries(branch.schema.properties ?? {}).filter(([name, each]) => {
    const part = /** @type {Schema} */ (each);
    return ("const" in part || part.enum?.length === 1) && name in value && value[name] !== constant(part);
  }).length;
}

/** @param {Field} branch @param {any} value */
function typeMatches(branch, value) {
  const type = branch.schema.type;
  if (value === null || value === undefined) return false;
  if (Array.isArray(value)) return type === "array";
  if (typeof value === "object") return type === "object";
  return type === typeof value || (typeof value === "number" && (type === "number" || (type === "integer" && Number.isInteger(value))));
}

/** @param {Field} branch @param {number} index the name of a branch in the select */
export function branchName(branch, index) {
  if (branch.title) return branch.title;
  if (branch.kind === "const") return String(constant(branch.schema));
  return branch.kind === "json" ? `kind ${index + 1}` : branch.kind === "boolean" ? "bool" : branch.kind;
}
