// What a form will send, as a person would write it in Python, for curl and on the command line. Pure.

import {branchOf, fieldOf} from "../components/schema.js";
import {check, join} from "../components/schemacheck.js";

/** @typedef {import("../components/schema.js").Schema} Schema */
/** @typedef {{text: string, path: string|null}} Line a line of code, and the path of the value in it */
/**
 * @typedef {object} Start
 * @property {string} workflow
 * @property {Record<string, any>} input
 * @property {Schema|null} schema
 * @property {Record<string, any>} options as the API takes them, without workflow and input
 * @property {string} address of the API
 */

const WIDE = 68;

/**
 * Python that starts the run.
 * @param {Start} start
 * @returns {Line[]}
 */
export function python(start) {
  const root = start.schema ?? {};
  const properties = root.properties ?? {};
  const names = [...new Set([...Object.keys(properties), ...Object.keys(start.input)])].filter((name) => name in start.input);
  /** @type {Line[]} */
  const lines = [];
  /** @type {string[]} */
  const given = [];
  let positional = true;
  for (const name of Object.keys(properties)) if (!(name in start.input) && names.some((other) => Object.keys(properties).indexOf(other) > Object.keys(properties).indexOf(name))) positional = false;
  for (const name of names) {
    const value = literal(start.input[name], properties[name] ?? {}, root, name);
    const isLong = value.length > 1;
    if (isLong) {
      lines.push({text: `${name} = ${value[0].text}`, path: value[0].path}, ...value.slice(1));
    }
    const text = isLong ? name : value[0].text;
    given.push(positional ? text : `${name}=${text}`);
  }
  const options = Object.entries(start.options).filter(([name]) => name !== "reuse" || start.options.reuse);
  const call = `.start(${given.join(", ")})`;
  if (!options.length) lines.push({text: `run = await ${start.workflow}${call}`, path: null});
  else {
    lines.push({text: `run = await ${start.workflow}.options(`, path: null});
    for (const [name, value] of options) lines.push({text: `    ${name}=${plain(value)},`, path: `options.${name}`});
    lines.push({text: `)${call}`, path: null});
  }
  return lines;
}

/** @param {any} value @param {any} schema @param {Schema} root @param {string} path @param {string} [indent] @returns {Line[]} */
function literal(value, schema, root, path, indent = "") {
  const field = fieldOf(schema, root);
  if (field.kind === "union" && field.branches && value !== null) {
    return literal(value, field.branches[branchOf(field, value, root, check)].schema, root, path, indent);
  }
  if (value === null || typeof value !== "object") return [{text: scalar(value, field.kind), path}];
  const isList = Array.isArray(value);
  const named = !isList && field.kind === "object" && field.title && /^[A-Za-z_]\w*$/.test(field.title) ? field.title : null;
  /** @type {[string, Line[]][]} */
  const parts = Object.entries(value).map(([key, part]) => {
    const step = isList ? Number(key) : key;
    const inner = isList ? itemSchema(field.schema, Number(key)) : field.schema.properties?.[key] ?? (typeof field.schema.additionalProperties === "object" ? field.schema.additionalProperties : {});
    const prefix = isList ? "" : named ? `${key}=` : `${quoted(key)}: `;
    return [prefix, literal(part, inner, root, join(path, step), `${indent}    `)];
  });
  const [open, close] = isList ? ["[", "]"] : named ? [`${named}(`, ")"] : ["{", "}"];
  const isFlat = parts.every(([, lines]) => lines.length === 1);
  const short = isFlat ? `${open}${parts.map(([prefix, lines]) => prefix + lines[0].text).join(", ")}${close}` : "";
  if (isFlat && short.length + indent.length <= WIDE && (isList || path.includes(".") || path.includes("["))) return [{text: short, path}];
  /** @type {Line[]} */
  const result = [{text: open, path}];
  for (const [prefix, lines] of parts) {
    lines.forEach((line, index) => {
      const lead = index === 0 ? `${indent}    ${prefix}` : "";
      result.push({text: lead + line.text + (index === lines.length - 1 ? "," : ""), path: line.path});
    });
  }
  result.push({text: indent + close, path});
  return result;
}

/** @param {Schema} schema @param {number} index */
const itemSchema = (schema, index) => schema.prefixItems?.[index] ?? (typeof schema.items === "object" ? schema.items : {});

/** @param {any} value @param {string} kind */
function scalar(value, kind) {
  if (typeof value === "string" && kind === "decimal") return `Decimal(${quoted(value)})`;
  if (typeof value === "string" && kind === "uuid") return `UUID(${quoted(value)})`;
  if (typeof value === "string" && kind === "binary") return `b64decode(${quoted(value)})`;
  if (typeof value === "string" && kind === "datetime") return `datetime.fromisoformat(${quoted(value)})`;
  if (typeof value === "string" && kind === "date") return `date.fromisoformat(${quoted(value)})`;
  return plain(value);
}

/** @param {any} value @returns {string} */
function plain(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(plain).join(", ")}]`;
  return `{${Object.entries(value).map(([key, part]) => `${quoted(key)}: ${plain(part)}`).join(", ")}}`;
}

/** @param {string} text JSON's escapes are Python's, but for the slash that neither needs */
const quoted = (text) => JSON.stringify(text);

/** @param {Start} start what the API is sent */
export const body = (start) => ({workflow: start.workflow, input: start.input, ...start.options});

/**
 * The same start for curl.
 * @param {Start} start
 * @returns {Line[]}
 */
export function curl(start) {
  const lines = JSON.stringify(body(start), null, 2).replaceAll("'", String.raw`'\''`).split("\n");
  return [
    {text: `curl ${shell(`${start.address}/runs`)} \\`, path: null},
    {text: '  -H "Authorization: Bearer $STEPWELL_API_KEY" \\', path: null},
    {text: '  -H "Content-Type: application/json" \\', path: null},
    ...lines.map((text, index) => ({text: (index === 0 ? "  -d '" : "  ") + text + (index === lines.length - 1 ? "'" : ""), path: null})),
  ];
}

const FLAGS = /** @type {Record<string, string>} */ ({id: "--id", queue: "--queue", priority: "--priority", delay: "--delay"});

/**
 * The same start on the command line.
 * @param {Start} start
 * @returns {Line[]}
 */
export function cli(start) {
  const parts = [];
  for (const [name, value] of Object.entries(start.options)) {
    if (FLAGS[name]) parts.push(`  ${FLAGS[name]} ${shell(name === "delay" && typeof value === "number" ? `${value}s` : String(value))}`);
    if (name === "tags") for (const [tag, each] of Object.entries(value)) parts.push(`  --tag ${shell(`${tag}=${each}`)}`);
  }
  const lines = [`stepwell start ${shell(start.workflow)}`, ...parts, ...shell(JSON.stringify(start.input, null, 2)).split("\n").map((line, index) => (index ? line : `  ${line}`))];
  const input = 1 + parts.length;
  return lines.map((text, index) => ({text: index < input && index < lines.length - 1 ? `${text} \\` : text, path: null}));
}

/** @param {string} text as one word of a POSIX shell */
export const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);

/**
 * Sending an event, in the same three ways.
 * @param {{event: string, key: string|null, run: string|null, payload: any, id: string|null, address: string}} sending
 * @returns {{python: Line[], curl: Line[], cli: Line[]}}
 */
export function sending({event, key, run, payload, id, address}) {
  const extra = [...(run ? [`run=${quoted(run)}`] : key ? [`key=${quoted(key)}`] : []), ...(id ? [`id=${quoted(id)}`] : [])];
  const given = payload === undefined ? [] : [run || key ? `data=${plain(payload)}` : plain(payload)];
  const call = `await app.${run || key ? "events.send" : "send"}(${[quoted(event), ...(run || key ? [...extra.slice(0, 1), ...given, ...extra.slice(1)] : [...given, ...extra])].join(", ")})`;
  const data = {event, ...(key && !run ? {key} : {}), ...(payload === undefined ? {} : {payload}), ...(id ? {id} : {})};
  const path = run ? `/runs/${encodeURIComponent(run)}/events` : "/events";
  const words = ["stepwell", "events", "send", shell(event), ...(payload === undefined ? [] : [shell(JSON.stringify(payload))]),
    ...(run ? ["--run", shell(run)] : key ? ["--key", shell(key)] : []), ...(id ? ["--id", shell(id)] : [])];
  /** @param {string} text @returns {Line} */
  const line = (text) => ({text, path: null});
  return {
    python: [line(call)],
    curl: [line(`curl ${shell(address + path)} \\`), line('  -H "Authorization: Bearer $STEPWELL_API_KEY" \\'), line('  -H "Content-Type: application/json" \\'), line(`  -d ${shell(JSON.stringify(data))}`)],
    cli: [line(words.join(" "))],
  };
}
