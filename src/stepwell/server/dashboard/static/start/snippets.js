// What a form will send, as a person would write it in Python, for curl and on the command line. Pure.

import {join} from "../components/schemacheck.js";

/** @typedef {{text: string, path: string|null}} Line a line of code, and the path of the value in it */
/**
 * @typedef {object} Start
 * @property {string} workflow
 * @property {any} input
 * @property {Record<string, any>} options as the API takes them, without workflow and input
 * @property {string} address of the API
 */

const WIDE = 68;

/**
 * Python that starts the run: by name, with the very input that is sent. The classes of the arguments, and where they
 * are imported from, are not known here.
 * @param {Start} start
 * @returns {Line[]}
 */
export function python(start) {
  const options = Object.entries(start.options).filter(([name]) => name !== "reuse" || start.options.reuse);
  const input = literal(start.input, "", "    ");
  if (!options.length && input.length === 1) return [{text: `run = await app.start(${quoted(start.workflow)}, ${input[0].text})`, path: null}];
  return [
    {text: "run = await app.start(", path: null},
    {text: `    ${quoted(start.workflow)},`, path: null},
    ...asItem(input, "    "),
    ...options.map(([name, value]) => ({text: `    ${name}=${plain(value)},`, path: `options.${name}`})),
    {text: ")", path: null},
  ];
}

/**
 * A value over as many lines as it needs, without the indent of the first.
 * @param {any} value @param {string} path @param {string} indent
 * @returns {Line[]}
 */
function literal(value, path, indent) {
  const isList = Array.isArray(value);
  const entries = value !== null && typeof value === "object" ? Object.entries(value).filter(([, part]) => part !== undefined) : [];
  const isInner = isList || path.includes(".") || path.includes("[");
  const short = plain(value);
  if (!entries.length || (isInner && short.length + indent.length <= WIDE && entries.every(([, part]) => part === null || typeof part !== "object" || isList))) return [{text: short, path}];
  const inside = `${indent}    `;
  return [
    {text: isList ? "[" : "{", path},
    ...entries.flatMap(([key, part]) => asItem(literal(part, join(path, isList ? Number(key) : key), inside), inside, isList ? "" : `${quoted(key)}: `)),
    {text: `${indent}${isList ? "]" : "}"}`, path},
  ];
}

/** @param {Line[]} lines @param {string} indent @param {string} [before] @returns {Line[]} with what stands before it, and a comma */
const asItem = (lines, indent, before = "") => lines.map(({text, path}, index) => ({text: (index ? "" : indent + before) + text + (index === lines.length - 1 ? "," : ""), path}));

/** @param {any} value @returns {string} */
function plain(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(plain).join(", ")}]`;
  return `{${Object.entries(value).filter(([, part]) => part !== undefined).map(([key, part]) => `${quoted(key)}: ${plain(part)}`).join(", ")}}`;
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
